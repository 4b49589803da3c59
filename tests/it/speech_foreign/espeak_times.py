#!/usr/bin/env python3
"""Speaks sentences with espeak-ng and writes down when, by the synthesiser itself, speech was.

Usage: espeak_times.py FOLDER

Writes FOLDER/NN.wav and FOLDER/times.csv (file, first sample of the first phoneme, end of the last,
sentence). Needs Python 3 and libespeak-ng.so.1 (Debian: espeak-ng), nothing else.
"""

import csv
import ctypes
import pathlib
import sys
import wave

SENTENCES = """\
Please hold the line while I look up your account.
I would like to change the delivery address of my order.
What time does the shop open on Saturday morning?
Stop.
Yes, that is correct.
No thanks.
My reference number is four seven two nine.
Could you repeat that, please?
The engineer should arrive between eight and twelve.
I have been waiting for more than half an hour.
Can I speak to a person instead of a machine?
It keeps switching itself off every few minutes.
Send the invoice to my office.
Thank you, goodbye.
The weather looks nice this afternoon.
She sells sea shells by the sea shore.
Turn left at the traffic lights and go straight ahead.
How much does a return ticket to Leeds cost?
My password has expired and I cannot log in.
Cancel the whole booking.
He lives next to the old church.
The fish was fresh and the chips were hot.
Both of them agreed to the new terms.
I'd like a table for two at half past six.
We moved house in the middle of March.
Please call me back.
Is there a pharmacy near here that stays open late?
The meeting starts at nine and finishes at five.
Up to six guests can stay.
That was not what I asked for.
Put the package on the doorstep.
I think the screen is cracked.
Where can I find my customer number?
Just a moment.
My son broke his leg last week.
They paid in cash.
Everything is fine with the new phone.
Do you have this in a larger size?
The train to Bath leaves from platform ten.
I need some help with my tax form.
Let's try again tomorrow.
Nobody picked up the phone.
What is the balance of my savings account?
Book a taxi for seven o'clock.
There is a strange noise coming from the boiler.
I lost my credit card on the bus.
Five hundred and sixty two pounds.
Good evening.
The doctor will see you now.
Which documents do I have to bring with me?
Hello, this is Anna from the third floor.
Please spell your last name.
We never got the confirmation email.
I am calling about the flat on Mill Street.
It was a misunderstanding.
Open the window and shut the door.
The bill is twice as much as last month.
Are pets allowed in the rooms?
Check the date of birth.
I want to report a fault on my line.
Does the price include breakfast?
My flight was delayed by three hours.
Sorry, wrong number.
Leave a message after the tone.
""".splitlines()
VOICES = ["en-us", "en", "en-us+f2", "en+m3", "en-us+f4", "en-gb-x-rp+m5", "en-us+m7", "en+f3"]
WORDS_A_MINUTE = [120, 150, 175, 200, 230]
SPOKEN_TWICE = 2

# From speak_lib.h.
AUDIO_OUTPUT_RETRIEVAL = 1
PHONEME_EVENTS, DONT_EXIT = 0x0001, 0x8000
EVENT_LIST_TERMINATED, EVENT_PHONEME = 0, 7
PARAMETER_RATE, CHARS_UTF8 = 1, 1


class EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", EventId),
    ]


CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event)
)


class Synthesiser:
    def __init__(self):
        self.library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self.library.espeak_Initialize(
            AUDIO_OUTPUT_RETRIEVAL, 0, None, PHONEME_EVENTS | DONT_EXIT
        )
        if self.rate <= 0:
            sys.exit("espeak-ng does not start; is its data (Debian: espeak-ng-data) installed?")
        self.callback = CALLBACK(self.take)
        self.library.espeak_SetSynthCallback(self.callback)

    def take(self, samples, count, events):
        if samples and count:
            self.pcm += ctypes.string_at(samples, 2 * count)
        i = 0
        while events[i].type != EVENT_LIST_TERMINATED:
            if events[i].type == EVENT_PHONEME:
                self.phonemes.append((events[i].sample, events[i].id.string.decode()))
            i += 1
        return 0

    def say(self, voice, words_a_minute, text):
        """PCM, first sample of the first phoneme, end of the last one."""
        self.pcm, self.phonemes = bytearray(), []
        if self.library.espeak_SetVoiceByName(voice.encode()) != 0:
            sys.exit(f"espeak-ng has no voice {voice}")
        self.library.espeak_SetParameter(PARAMETER_RATE, words_a_minute, 0)
        text = text.encode()
        self.library.espeak_Synth(text, len(text) + 1, 0, 0, 0, CHARS_UTF8, None, None)
        self.library.espeak_Synchronize()
        # Pauses are phonemes too; their names start with an underscore.
        spoken = [i for i, (_, name) in enumerate(self.phonemes) if not name.startswith("_")]
        return bytes(self.pcm), self.phonemes[spoken[0]][0], self.phonemes[spoken[-1] + 1][0]


def main():
    folder = pathlib.Path(sys.argv[1])
    synthesiser = Synthesiser()
    with open(folder / "times.csv", "w", newline="", encoding="utf-8") as file:
        times = csv.writer(file)
        times.writerow(["file", "start", "end", "sentence"])
        for i, sentence in enumerate(SENTENCES):
            for k in range(SPOKEN_TWICE):
                voice = VOICES[(3 * i + 5 * k) % len(VOICES)]
                speed = WORDS_A_MINUTE[(i + 2 * k) % len(WORDS_A_MINUTE)]
                pcm, start, end = synthesiser.say(voice, speed, sentence)
                name = f"{i:02}-{k}.wav"
                with wave.open(str(folder / name), "wb") as out:
                    out.setnchannels(1)
                    out.setsampwidth(2)
                    out.setframerate(synthesiser.rate)
                    out.writeframes(pcm)
                times.writerow([name, start, end, f"{sentence} ({voice}, {speed})"])


if __name__ == "__main__":
    main()
