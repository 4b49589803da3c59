//! Circles of files: each names something of the next, and the last of the first. Who reads one of them
//! must read them all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

use super::modules::{Arrow, Modules};
use super::{Source, read_sources};

/// Half of the files are no longer than this, without their tests.
const MEDIAN_LINES: usize = 150;

/// The files of each circle, in order.
fn circles(arrows: &BTreeSet<Arrow>) -> Vec<BTreeSet<&str>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for arrow in arrows {
        next.entry(&arrow.from).or_default().insert(&arrow.to);
    }
    let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for file in next.keys() {
        let files = reached.entry(file).or_default();
        let mut open = vec![*file];
        while let Some(file) = open.pop() {
            let to = next.get(file).into_iter().flatten();
            open.extend(to.filter(|to| files.insert(**to)));
        }
    }
    let leads = |from: &str, to: &str| reached.get(from).is_some_and(|files| files.contains(to));
    let circle = |file: &&str| -> BTreeSet<&str> {
        let others = reached
            .keys()
            .filter(|other| leads(file, other) && leads(other, file));
        others.copied().collect()
    };
    let all: BTreeSet<BTreeSet<&str>> = reached.keys().map(circle).collect();
    all.into_iter()
        .filter(|circle| !circle.is_empty())
        .collect()
}

/// The circles in words, each with what its files name of each other.
fn said(arrows: &BTreeSet<Arrow>) -> String {
    let mut text = String::new();
    for circle in circles(arrows) {
        let inside = |arrow: &&Arrow| {
            circle.contains(arrow.from.as_str()) && circle.contains(arrow.to.as_str())
        };
        let mut named: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for Arrow { from, to, what } in arrows.iter().filter(inside) {
            named.entry((from, to)).or_default().push(what);
        }
        let mut say = |line: String| writeln!(text, "{line}").expect("a string takes everything");
        say(format!("a circle of {} files:", circle.len()));
        for ((from, to), what) in named {
            say(format!("    {from} names {} of {to}", what.join(", ")));
        }
    }
    text
}

static SOURCE: LazyLock<Modules> = LazyLock::new(|| Modules::of(&read_sources()));

#[test]
fn files_do_not_go_in_circles() {
    let arrows = SOURCE.arrows();
    assert!(arrows.len() > 500, "nothing was checked");
    let circles = said(&arrows);
    assert!(
        circles.is_empty(),
        "\n{circles}move what both need to a file of its own"
    );
}

#[test]
fn half_of_the_files_are_short() {
    let lengths = SOURCE.lengths();
    let median = lengths[lengths.len() / 2];
    assert!(
        median <= MEDIAN_LINES,
        "the median of {} files is {median} lines",
        lengths.len()
    );
}

/// The arrows of a crate of these files.
fn arrows_of(files: &[(&str, &str)]) -> BTreeSet<Arrow> {
    let source = |(path, text): &(&str, &str)| Source {
        path: (*path).into(),
        text: (*text).into(),
    };
    Modules::of(&files.iter().map(source).collect::<Vec<_>>()).arrows()
}

/// A crate of which a room's `mod.rs` holds `parent`, and its child `child`, beside two other files.
fn room(parent: &str, child: &str) -> BTreeSet<Arrow> {
    arrows_of(&[
        ("lib.rs", "pub mod room; pub mod other;"),
        ("room/mod.rs", &format!("mod child; mod types; {parent}")),
        ("room/child.rs", child),
        ("room/types.rs", "pub struct Shared; pub fn share() {}"),
        ("other.rs", "pub struct Other;"),
    ])
}

#[test]
fn a_circle_is_found_however_it_is_closed() {
    let defines = "pub struct Own; pub const LIMIT: u8 = 1; crate::table! { pub struct Row {} }";
    let uses = "use child::Part; fn f(p: Part) {}";
    let both = format!("{defines} {uses}");
    #[rustfmt::skip]
    let circles_of = [
        // A child that imports what its parent defines, and a parent that uses the child.
        room(&both, "use super::Own; pub struct Part;"),
        room(&both, "use super::{LIMIT as MOST, types}; pub struct Part;"),
        room(&both, "use crate::room::{self, types}; pub struct Part(room::Own);"),
        room(&both, "pub struct Part; fn f() -> super::Own { super::Own }"),
        room(&both, "pub struct Part; impl Part { fn f() { use super::Row; } }"),
        room(&both, "use super::*; pub struct Part(Own);"),
        room(&both, "pub struct Part; mod inner { use super::super::Own; }"),
        room(&format!("{defines} fn f() -> child::Part {{}}"), "use super::Own; pub struct Part;"),
        room(&format!("{defines} fn f() {{ vec![child::Part] }}"), "use super::Own; pub struct Part;"),
        room(&format!("{defines} pub use child::Part; fn f(p: Part) {{}}"), "use super::Own; pub struct Part;"),
        // Siblings, past a re-export and under another name.
        arrows_of(&[
            ("lib.rs", "mod a; mod b;"),
            ("a/mod.rs", "mod inner; pub use inner::{deep::Thing as Renamed};"),
            ("a/inner/mod.rs", "pub mod deep;"),
            ("a/inner/deep.rs", "pub struct Thing(crate::b::Back);"),
            ("b.rs", "pub struct Back; use crate::a::Renamed;"),
        ]),
        // Across rooms, three in a row, by the crate's own name.
        arrows_of(&[
            ("a.rs", "pub struct A; use crate::b::B;"),
            ("b.rs", "pub struct B; use crate::c::*; type D = C;"),
            ("c.rs", "pub struct C; fn f() { voicelt::a::A }"),
        ]),
        // A macro is an item of the file that has it.
        arrows_of(&[
            ("a.rs", "pub struct A; crate::twice! {}"),
            ("b.rs", "#[macro_export] macro_rules! twice { () => { $crate::a::A } }"),
        ]),
    ];
    for (number, arrows) in circles_of.iter().enumerate() {
        assert_eq!(circles(arrows).len(), 1, "case {number}: {arrows:?}");
    }
}

#[test]
fn what_goes_one_way_is_no_circle() {
    let uses = "pub use types::Shared; use child::Part; fn f(p: Part) {}";
    let straight = [
        // What a parent declares or hands on is not its own.
        room(uses, "use super::Shared; pub struct Part;"),
        room(uses, "use super::types::{self, share}; pub struct Part;"),
        room(
            "pub use child::Part; pub struct Own;",
            "use super::Own; pub struct Part;",
        ),
        room(
            "pub(in crate::room) use child::*; pub struct Own;",
            "use super::Own;",
        ),
        // Tests may look at all.
        room(
            uses,
            "pub struct Part; #[cfg(test)] mod tests { use super::super::f; }",
        ),
        room(uses, "pub struct Part; #[cfg(test)] use super::f;"),
        room(
            &format!("#[cfg(test)] mod types2; {uses}"),
            "pub struct Part;",
        ),
        arrows_of(&[
            (
                "a.rs",
                "pub struct A; #[cfg(test)] mod tests; use crate::b::B;",
            ),
            ("a/tests/mod.rs", "pub struct T; mod more;"),
            ("a/tests/more.rs", "use crate::a::A;"),
            ("b.rs", "pub struct B; // use crate::a::A;"),
        ]),
        // Names of other crates, and of one's own.
        room(
            &format!("use std::child::Own; {uses}"),
            "use other::Own; pub struct Part(Part);",
        ),
        room(uses, "pub struct Part; const TEXT: &str = \"super::f\";"),
    ];
    for (number, arrows) in straight.iter().enumerate() {
        assert_eq!(circles(arrows), [], "case {number}: {arrows:?}");
    }
}

#[test]
fn a_circle_is_said_with_what_its_files_name() {
    let child = "use super::Own; pub struct Part;";
    let arrows = room("pub struct Own; use child::Part;", child);
    assert_eq!(
        said(&arrows),
        "a circle of 2 files:\n    room/child.rs names super::Own of room/mod.rs\n    \
         room/mod.rs names child::Part of room/child.rs\n"
    );
    assert_eq!(said(&room("pub struct Own;", child)), "");
}

#[test]
fn lengths_are_without_tests() {
    let long = "pub fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn f() {}\n}\n";
    let files = [
        ("lib.rs", "mod a;\n#[cfg(test)]\nmod b;\n"),
        ("a.rs", long),
        ("b.rs", "\n\n\n"),
    ];
    let source = |(path, text): (&str, &str)| Source {
        path: path.into(),
        text: text.into(),
    };
    assert_eq!(Modules::of(&files.map(source)).lengths(), [1, 2]);
}
