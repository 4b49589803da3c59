//! What is measured of requests, from the flag that requires it to the file that keeps it.

use voicelt::report::waterfall::stages;
use voicelt::results::manifest::RunManifest;
use voicelt::results::row::{Phase, RequestRow, Status};
use voicelt::results::sample::{manifest, row, unanswered};
use voicelt::units::{NS_PER_MS, NS_PER_S};

use crate::replay::replay_into;
use crate::support::Desk;

/// What is good in the runs that nobody made.
const GOOD: &str = "goodput(response < 250ms and final < 1s)";

#[test]
fn final_is_what_the_recogniser_takes_after_the_last_word() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 4 --arrivals constant:5/s");
    let recogniser = "--endpoint-silence 300ms --asr-final 1200ms";
    let (_gateway, target) = desk.gateway(recogniser);
    desk.voicelt(&replay_into(&target, "run")).exits(0);
    let rows = desk.requests("run");
    assert_eq!(rows.len(), 4);
    for row in &rows {
        let speech_ns = row.intended_end_of_speech_ns.unwrap() - row.intended_start_ns;
        assert_eq!(
            row.final_ns.unwrap(),
            row.asr_ns.unwrap() - speech_ns,
            "without the caller's speech"
        );
        let stages = stages(row).unwrap();
        let sum = stages.iter().flatten().sum::<i64>();
        assert_eq!(Some(sum), row.response_ns, "{stages:?}");
        // PROCESSING comes with the final transcript, within as long as a message takes.
        assert!(stages[0].unwrap() + stages[1].unwrap() >= row.final_ns.unwrap());
    }
    // The clip fades out, so that the gateway hears its end before it is there.
    let takes_ns = 1_500 * NS_PER_MS;
    let least_ns = rows.iter().filter_map(|row| row.final_ns).min().unwrap();
    let most_ns = takes_ns + takes_ns / 2;
    assert!(
        (takes_ns - 200 * NS_PER_MS..most_ns).contains(&least_ns),
        "{least_ns} ns"
    );
    let summary = desk.run("run").manifest().summary.clone().unwrap();
    assert_eq!(summary["latencies"]["final"]["n"], 4);
    assert_eq!(summary["latencies"]["final"]["min_ns"], least_ns);
}

/// A run of 400 turns whose steady phase is 40 s. Two in five are answered after more than 250 ms, one in
/// ten failed; one in twenty stuttered, began too early, or was cut off.
fn put(desk: &Desk, name: &str, change: impl FnOnce(&mut RunManifest)) {
    let mut run = RunManifest {
        name: name.to_owned(),
        run_id: format!("{name:0>32}"),
        ..manifest()
    };
    run.spec.phases = vec![(Phase::Steady.into(), 60 * NS_PER_S)].into();
    change(&mut run);
    let rows: Vec<RequestRow> = (0..400)
        .map(|turn| match turn % 20 {
            0 | 10 => unanswered(turn, Status::Error),
            3 => RequestRow {
                underruns: 2,
                ..row(turn)
            },
            4 => RequestRow {
                early_endpoint: true,
                ..row(turn)
            },
            5 => RequestRow {
                overlapped: true,
                ..row(turn)
            },
            _ => row(turn),
        })
        .collect();
    desk.put_run(name, &run, &rows);
}

#[test]
fn what_a_caller_notices_can_be_required() {
    let desk = Desk::new();
    put(&desk, "run", |_| ());
    let judged = |requirement: &str, code: i32| {
        let line = format!("report run --require '{requirement}' --json out.json");
        desk.voicelt(&line).exits(code);
        let document = desk.json("out.json");
        let judged = &document["requirements"][0];
        assert_eq!(judged["requirement"], requirement);
        (judged["said"].as_str().unwrap().to_owned(), document)
    };
    // Of 360 measured turns 320 were answered, about half of them within 250 ms.
    let (said, document) = judged(&format!("{GOOD} >= 60%"), 99);
    let goodput = &document["goodput"][0];
    assert_eq!(goodput["expression"], "response < 250ms and final < 1s");
    assert_eq!(goodput["turns"], 360);
    let good = goodput["good"].as_u64().unwrap();
    let expected = (0..400).filter(|turn| ![0, 4, 5, 10].contains(&(turn % 20)) && turn % 100 < 50);
    assert_eq!(good, expected.count() as u64);
    assert_eq!(said, "43.33 % (156 of 360)");
    let (said, _) = judged(&format!("{GOOD} > 1/s"), 0);
    assert!(said.ends_with("/s (156 good turns in 41.5 s)"), "{said}");
    assert_eq!(judged("underruns < 6.5%", 0).0, "6.25 % (20 of 320)");
    assert_eq!(judged("early_endpoint < 5%", 99).0, "5.00 % (20 of 400)");
    let (said, document) = judged("overlapped <= 5%", 0);
    assert_eq!(said, "5.00 % (20 of 400)");
    assert_eq!(document["shares"]["overlapped"]["events"], 20);
    assert!(document.get("goodput").is_none(), "nobody asked for it");
    let (said, _) = judged("total.p95 < 10s", 99);
    assert!(said.starts_with("no answer"), "{said}");
}

#[test]
fn runs_are_compared_by_the_goodput_that_either_was_held_to() {
    let desk = Desk::new();
    put(&desk, "base", |_| ());
    put(&desk, "other", |run| {
        run.spec.require = vec![format!("{GOOD} > 1%").into(), "of a later version".into()].into();
    });
    for runs in ["base other", "other base"] {
        desk.voicelt(&format!("compare {runs} --json c.json"))
            .exits(0);
        let comparison = desk.json("c.json");
        let differences = comparison["against"][0]["differences"].as_array().unwrap();
        let share = |metric: &str| {
            let mut differences = differences.iter();
            let found = differences.find(|one| one["metric"] == metric);
            let found = found.unwrap_or_else(|| panic!("no {metric}: {comparison}"));
            (
                found["base"]["value"].as_f64(),
                found["more_is_worse"].as_bool(),
            )
        };
        assert_eq!(share(GOOD), (Some(156.0 / 360.0), Some(false)));
        assert_eq!(share("underruns"), (Some(0.0625), Some(true)));
        assert_eq!(share("early_endpoint"), (Some(0.05), Some(true)));
        assert_eq!(share("errors"), (Some(0.1), Some(true)));
    }
}

#[test]
fn a_search_for_the_capacity_knows_the_good_turns_of_each_run() {
    let desk = Desk::with_trace("--synth speech-like:500ms --sessions 2 --arrivals constant:10/s");
    let (_gateway, target) = desk.gateway("--error-rate 1");
    let search = format!(
        "replay calls.vtrace -t {target} --find-capacity '{GOOD} >= 95%' --run-dir found \
         --allow-invalid --quiet --json curve.json"
    );
    desk.voicelt(&search).exits(99);
    let curve = desk.json("curve.json");
    let judged = &curve["points"][0]["requirements"][0];
    assert_eq!(judged["requirement"], format!("{GOOD} >= 95%"));
    assert_eq!(
        (&judged["judgement"], &judged["observed"]),
        (&"not_met".into(), &0.0.into())
    );
    // Each run says what was looked for, so that its report tells it too.
    let run = desk.names(".", "found").remove(0);
    desk.voicelt(&format!("report {run} --json again.json"));
    let again = &desk.json("again.json")["goodput"][0];
    assert_eq!((&again["good"], &again["share"]), (&0.into(), &0.0.into()));
}
