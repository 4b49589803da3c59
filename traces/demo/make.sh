#!/usr/bin/env bash
# Makes traces/demo.vtrace. The speech comes from the espeak-ng engine (Debian: apt-get install
# espeak-ng; https://github.com/espeak-ng/espeak-ng), so that nobody's recordings are passed on. The
# same version of it gives the same content hash.
set -euo pipefail
cd "$(dirname "$0")/../.."

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT

# say NAME VOICE WORDS_A_MINUTE SENTENCE: one clause each, so that no pause in it ends the utterance.
say() {
    espeak-ng -v "$2" -s "$3" -w "$temp/$1.wav" "$4"
}

say 1-opening-hours en-gb 165 "What time do you open on Saturday?"
say 2-balance en-us+f3 150 "Please tell me the balance of my account."
say 3-appointment en-gb+m3 180 "I would like to move my appointment to Tuesday."
say 4-parcel en-gb-scotland 160 "Where is the parcel that I ordered last week?"
say 5-password en-us 175 "I have forgotten the password of my email account."
say 6-table en-gb-x-rp+f2 155 "Can I book a table for four people tonight?"
say 7-train en-us+m7 170 "When does the next train to the airport leave?"
say 8-goodbye en-gb+f4 160 "Thank you very much for your help."

cargo run --quiet --release -- prepare --recipe traces/demo.toml "$temp"
cargo run --quiet --release -- trace check traces/demo.vtrace
