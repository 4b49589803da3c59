//! Where the caller's utterances are. Each time the server says PROCESSING it has heard one; what
//! it never said that of is cut where the caller said that one ends, and at the caller's pauses.

use std::ops::Range;

use super::call::{RecordedCall, Sent, What};
use crate::trace::model::ReplyKind;
use crate::units::NS_PER_S;

/// A pause of this length between two stretches of speech makes them two utterances, where the
/// server does not say: longer than gateways wait before they take an utterance for ended.
const PAUSE_NS: i64 = NS_PER_S;

/// So much of the noise before an utterance belongs to it, where noise goes on between utterances.
const LEAD_NS: i64 = NS_PER_S / 5;

/// An utterance of the caller: audio, or one message of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Utterance {
    /// Its messages among those sent; of audio from the first chunk that is not all zero to the
    /// last.
    pub(super) messages: Range<usize>,
    /// The server said that it has heard it.
    pub(super) is_heard: bool,
}

/// The utterances of `call` in order. All audio that is not zero is in one of them. `voiced` says
/// which of a range of messages hold speech.
///
/// # Errors
/// Those of `voiced`.
pub(super) fn find<E>(
    call: &RecordedCall,
    mut voiced: impl FnMut(Range<usize>) -> Result<Vec<bool>, E>,
) -> Result<Vec<Utterance>, E> {
    let mut found = Vec::new();
    for (section, end) in sections(call) {
        let is_text = |sent: &Sent| matches!(sent.what, What::Text(_));
        if call.sent[section.clone()].first().is_some_and(is_text) {
            found.push(Utterance {
                messages: section,
                is_heard: false,
            });
            continue;
        }
        let Some(messages) = trimmed(&call.sent, section) else {
            continue;
        };
        if end == End::Heard {
            let messages = without_noise(call, messages, &mut found, &mut voiced)?;
            found.push(Utterance {
                messages,
                is_heard: true,
            });
            continue;
        }
        let voiced = voiced(messages.clone())?;
        cut(call, messages, &voiced, &mut found);
    }
    Ok(found)
}

/// `messages` from shortly before their speech on. Noise that goes on from the utterance before them
/// is given back to that: what a caller says must not begin with the answer that they listened to.
fn without_noise<E>(
    call: &RecordedCall,
    messages: Range<usize>,
    found: &mut [Utterance],
    voiced: &mut impl FnMut(Range<usize>) -> Result<Vec<bool>, E>,
) -> Result<Range<usize>, E> {
    let sent = &call.sent;
    let goes_on = |before: &&mut Utterance| {
        before.messages.end == messages.start && sent[before.messages.start].is_audio()
    };
    let Some(before) = found.last_mut().filter(goes_on) else {
        return Ok(messages);
    };
    let voiced = voiced(messages.clone())?;
    let Some(first) = voiced.iter().position(|is_voiced| *is_voiced) else {
        return Ok(messages);
    };
    let lead_ns = sent[messages.start + first].captured_ns(call.rate) - LEAD_NS;
    let is_lead = |number: &usize| sent[*number].captured_ns(call.rate) >= lead_ns;
    let start = messages.clone().find(is_lead).unwrap_or(messages.start);
    if let Some(noise) = trimmed(sent, messages.start..start) {
        before.messages.end = noise.end;
    }
    Ok(trimmed(sent, start..messages.end).unwrap_or(messages))
}

/// What ends a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The server said PROCESSING.
    Heard,
    /// A text of the caller begins or ends, or the call is over.
    Other,
}

/// The messages between the instants at which the server had heard an utterance; each text is a
/// section of its own.
fn sections(call: &RecordedCall) -> Vec<(Range<usize>, End)> {
    let heard = call.replies.iter();
    let heard = heard.filter(|reply| reply.kind == ReplyKind::Processing);
    let mut heard_ns = heard.map(|reply| reply.at_ns).peekable();
    let mut sections = Vec::new();
    let (mut start, mut unheard_texts) = (0, 0_usize);
    for (number, sent) in call.sent.iter().enumerate() {
        while heard_ns
            .next_if(|heard_ns| *heard_ns < sent.at_ns)
            .is_some()
        {
            // The server has heard a text, or else what was said since the last time.
            if unheard_texts > 0 {
                unheard_texts -= 1;
            } else {
                sections.push((start..number, End::Heard));
                start = number;
            }
        }
        if matches!(sent.what, What::Text(_)) {
            sections.push((start..number, End::Other));
            sections.push((number..number + 1, End::Other));
            start = number + 1;
            unheard_texts += 1;
        }
    }
    let end = match heard_ns.count() > unheard_texts {
        true => End::Heard,
        false => End::Other,
    };
    sections.push((start..call.sent.len(), end));
    sections
}

/// From the first message of `range` that is audio to the last; `None` where there is none.
fn trimmed(sent: &[Sent], mut range: Range<usize>) -> Option<Range<usize>> {
    let first = range.find(|&number| sent[number].is_audio())?;
    let last = range.rev().find(|&number| sent[number].is_audio());
    Some(first..last.unwrap_or(first) + 1)
}

/// Cuts `messages` between those that are `voiced`: where the caller said that an utterance ends, or else in the middle
/// of each pause. What holds no
/// speech belongs to the utterance before it, if there is one that no text parts it from.
fn cut(call: &RecordedCall, messages: Range<usize>, voiced: &[bool], found: &mut Vec<Utterance>) {
    let sent = &call.sent;
    let voiced = voiced.iter().zip(messages.clone());
    let mut voiced = voiced.filter_map(|(is_voiced, number)| is_voiced.then_some(number));
    let Some(mut last) = voiced.next() else {
        let is_text = |before: &Utterance| !sent[before.messages.start].is_audio();
        match found.last_mut().filter(|before| !is_text(before)) {
            Some(before) => before.messages.end = messages.end,
            None => found.push(Utterance {
                messages,
                is_heard: false,
            }),
        }
        return;
    };
    let mut push = |range| {
        found.extend(trimmed(sent, range).map(|messages| Utterance {
            messages,
            is_heard: false,
        }));
    };
    let mut start = messages.start;
    for next in voiced {
        let pause_ns = sent[next].captured_ns(call.rate) - sent[last].at_ns;
        let said = call.said_ends.partition_point(|end| *end <= last);
        let said = call.said_ends.get(said).filter(|end| **end <= next);
        let middle = (pause_ns >= PAUSE_NS).then(|| last + 1 + (next - last) / 2);
        if let Some(end) = said.copied().or(middle) {
            push(start..end);
            start = end;
        }
        last = next;
    }
    push(start..messages.end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::recorded::tests::Script;
    use std::convert::Infallible;

    /// The utterances of a call whose speech is what it says it is.
    fn of(call: &RecordedCall) -> Vec<(Range<usize>, bool)> {
        let voiced = |range: Range<usize>| {
            let voiced = |sent: &Sent| matches!(sent.what, What::Audio { voiced: true, .. });
            Ok::<_, Infallible>(call.sent[range].iter().map(voiced).collect())
        };
        let Ok(found) = find(call, voiced);
        found
            .into_iter()
            .map(|u| (u.messages, u.is_heard))
            .collect()
    }

    #[test]
    fn processing_ends_an_utterance_and_silence_around_it_is_in_none() {
        let mut script = Script::new();
        script.silence(3).speech(5).silence(2).speech(1).silence(4);
        script
            .processing()
            .silence(10)
            .speech(2)
            .processing()
            .silence(1);
        let call = script.half_close().call();
        assert_eq!(of(&call), [(3..11, true), (25..27, true)]);
    }

    #[test]
    fn noise_from_an_open_microphone_is_cut_where_the_server_heard_an_utterance() {
        let mut script = Script::new();
        script.noise(3).speech(5).noise(2).processing();
        script.noise(4).speech(3).noise(2).processing().noise(6);
        let call = script.half_close().call();
        assert_eq!(
            of(&call),
            [(0..10, true), (10..25, true)],
            "the last noise is no utterance"
        );
    }

    #[test]
    fn noise_while_the_answer_is_heard_belongs_to_the_utterance_before() {
        let mut script = Script::new();
        script.speech(5).noise(2).processing();
        script.noise(50).speech(3).processing();
        let call = script.half_close().call();
        assert_eq!(of(&call), [(0..47, true), (47..60, true)]);
    }

    #[test]
    fn without_the_servers_word_a_pause_of_a_second_parts_utterances() {
        let mut script = Script::new();
        script
            .speech(5)
            .noise(40)
            .speech(5)
            .noise(60)
            .speech(5)
            .noise(9);
        let call = script.half_close().call();
        assert_eq!(of(&call), [(0..80, false), (80..124, false)]);
        let mut script = Script::new();
        script.speech(5).nothing(60).speech(5);
        assert_eq!(of(&script.call()), [(0..5, false), (5..10, false)]);
        let mut script = Script::new();
        script.speech(5).silence(60).speech(5);
        assert_eq!(of(&script.call()), [(0..5, false), (65..70, false)]);
    }

    #[test]
    fn without_the_servers_word_the_callers_own_parts_utterances_that_are_close() {
        let mut script = Script::new();
        script.speech(5).noise(2).end_of_utterance();
        script.noise(3).speech(4).end_of_utterance();
        script.end_of_utterance().speech(5).noise(60).speech(1);
        let call = script.half_close().call();
        let expected = [
            (0..7, false),
            (7..14, false),
            (14..49, false),
            (49..80, false),
        ];
        assert_eq!(of(&call), expected);
    }

    #[test]
    fn what_is_no_speech_at_all_is_one_utterance() {
        let mut script = Script::new();
        assert_eq!(of(&script.noise(200).call()), [(0..200, false)]);
        assert_eq!(of(&Script::new().silence(5).half_close().call()), []);
        assert_eq!(of(&Script::new().call()), []);
    }

    #[test]
    fn each_text_is_an_utterance_that_the_server_hears_too() {
        let mut script = Script::new();
        script.text("hello").noise(3).processing().noise(3);
        script.speech(4).processing().text("bye").text("bye");
        let call = script.half_close().call();
        let expected = [
            (0..1, false),
            (1..11, true),
            (11..12, false),
            (12..13, false),
        ];
        assert_eq!(of(&call), expected);
    }
}
