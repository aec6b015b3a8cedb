#!/usr/bin/env bash
# Every kind of request once, with curl:  ./jdit serve  in one terminal, then  examples/curl/serve.sh [URL [FOLDER]]
# With a key:  JDIT_API_KEY=... examples/curl/serve.sh
set -euo pipefail
url=${1:-http://127.0.0.1:30000}
folder=${2:-.}

request() {
  local path=$1
  shift
  curl -sS --fail-with-body "$url$path" ${JDIT_API_KEY:+-H "Authorization: Bearer $JDIT_API_KEY"} "$@"
}
json() { request "$1" -H "Content-Type: application/json" -d "$2"; }
field() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }

echo "models: $(request /v1/models | grep -o '"id":"[^"]*"' | paste -sd ' ')"

# A picture, as base64 in the answer.
json /v1/images/generations '{"prompt": "a red circle on a white background", "seed": 7, "output_format": "png", "response_format": "b64_json"}' |
  field b64_json | base64 -d >"$folder/circle.png"

# The same as an address of this server.
path=$(json /v1/images/generations '{"prompt": "a blue ring on a black background", "seed": 7}' | field url)
request "$path" -o "$folder/ring.jpg"

# In the background, with its progress as events.
id=$(json /v1/tasks/image '{"prompt": "a large yellow triangle", "num_inference_steps": 10}' | field id)
request "/v1/tasks/$id/events" -N | grep -c '^event: progress' | sed 's/$/ events of progress/'

# Coarse pictures on the way.
json /v1/images/generations '{"prompt": "a small green star", "stream": true, "partial_images": 2}' | grep '^event:' | sort | uniq -c

ls -l "$folder/circle.png" "$folder/ring.jpg"
