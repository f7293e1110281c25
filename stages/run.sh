# What dvc.yaml calls, as `sh stages/run.sh NAME`: python -m stages NAME (with another module in
# $MODULE instead of stages), by an interpreter that has the factory's packages. The active
# environment's; without one (`.venv/bin/dvc repro`) that of the nearest .venv at or above this
# folder: DVC runs experiments in folders below the checkout.

has_packages() {
    "$1" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)' \
        2> /dev/null
}

if has_packages python; then
    exec python -m "${MODULE:-stages}" "$@"
fi
folder=$PWD
while [ ! -x "$folder/.venv/bin/python" ] && [ "$folder" != / ]; do
    folder=$(dirname "$folder")
done
if has_packages "$folder/.venv/bin/python"; then
    exec "$folder/.venv/bin/python" -m "${MODULE:-stages}" "$@"
fi
echo "flawfactory: no Python with the factory's packages on PATH or in .venv: activate its" \
    "environment (source .venv/bin/activate) or set one up (make build)" >&2
exit 2
