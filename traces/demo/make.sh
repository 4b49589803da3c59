#!/usr/bin/env bash
# Makes traces/demo.vtrace anew: eight utterances spoken by espeak-ng (https://github.com/espeak-ng),
# compiled as traces/demo.toml says. Needs espeak-ng and a built voicelt (VOICELT names another).
set -euo pipefail
cd "$(dirname "$0")/../.."
clips=traces/demo/clips
trap 'rm -rf "$clips"' EXIT
mkdir -p "$clips"
n=0
say() {
    n=$((n + 1))
    espeak-ng -v "$1" -s "$2" -w "$clips/utterance-$n.wav" "$3"
}
say en-us 160 "I would like to check the balance of my account"
say en-gb 150 "Can you tell me when the next train leaves"
say en-us+f3 165 "Please book a table for two people tonight"
say en-gb+m3 170 "What is the weather going to be like tomorrow"
say en-us+f2 155 "My parcel has not arrived yet"
say en-gb+f4 160 "I need to change the date of my flight"
say en-us+m5 175 "How long does the warranty last"
say en-us+f5 150 "Thank you very much for your help"
"${VOICELT:-target/release/voicelt}" prepare --recipe traces/demo.toml
