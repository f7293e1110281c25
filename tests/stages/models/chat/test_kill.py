"""Kill a build in the middle of 60 calls and run it again."""

import signal
import subprocess
import sys
import time

CALLS, AT_ONCE = 60, 4
SCRIPT = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stages.models.chat.settings import CallSettings
from stages.models.chat.cache import AnswerCache, CachedChat
from stages.models.chat.request import ChatRequest
from stages.models.chat.endpoint import OpenAIChat
from stages.models.chat.ledger import Ledger

url, folder, calls, at_once = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
ledger = Ledger(folder / "ledger.sqlite", CallSettings(concurrency=at_once))
chat = CachedChat(OpenAIChat("m", url, ledger), AnswerCache(folder / "answers"))

def ask(number):
    return chat.complete(ChatRequest("caption", "p", "s", f"photo {number}", (b"",), {})).text

with ThreadPoolExecutor(at_once) as pool:
    print(len(set(map(bool, pool.map(ask, range(calls))))))
"""


def test_a_killed_build_repeats_only_open_requests(server, tmp_path):
    command = [sys.executable, "-c", SCRIPT, server.url, str(tmp_path), str(CALLS), str(AT_ONCE)]
    for _ in range(CALLS // 2):
        server.respond_next()
    for _ in range(AT_ONCE):
        server.respond_next(hold=True)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while server.count < CALLS // 2 + AT_ONCE:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    server.release()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    sent = [request.texts[1] for request in server.requests]
    assert len(set(sent)) == CALLS
    assert len(sent) == CALLS + AT_ONCE
    # A third run sends nothing.
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert server.count == len(sent)
