#!/usr/bin/env bash
# Export the data set, tune a vision-language model on it, and evaluate the model before and after.
#
#   applications/training/vlm/whole.sh TARGET MODEL TO [options of applications.training.vlm.train]
#
# TARGET is a family (qwen2.5-vl, qwen3-vl, internvl), MODEL a folder or owner/repo@commit of the hub
# (add --fetch to download it), TO a new folder. $DATA is the data set, by default data/package;
# $EVALUATE holds further options of `flawfactory evaluate`, such as --by tool.
set -euo pipefail
target=$1 model=$2 to=$3
shift 3
data=${DATA:-data/package}

mkdir "$to"
flawfactory export trl --from "$data" --target "$target" --splits train,validation --to "$to/export"
python -m applications.training.vlm.train --data "$to/export" --model "$model" --to "$to/tuned" "$@"

measure() { # NAME MODEL: write TO/NAME.md and the page of the worst pictures, TO/NAME-worst
  printf 'inspectors: {vlm: {model: "%s"}}\n' "$2" > "$to/$1.yaml"
  local thresholds=()
  if compgen -G "$data/test-*.tar" && compgen -G "$data/validation-*.tar"; then
    thresholds=(--validation "$data")
  fi > /dev/null
  # shellcheck disable=SC2086  # options
  flawfactory evaluate "$data" --inspector vlm --params "$to/$1.yaml" "${thresholds[@]}" \
    --html "$to/$1-worst" --markdown ${EVALUATE:-} > "$to/$1.md"
}
measure base "$model"
measure tuned "$to/tuned"
echo "before: $to/base.md, after: $to/tuned.md"
