//! The modules of a crate, read from its source: what each defines and imports, and which file a path
//! leads to. Code that only tests have is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::Source;

/// Longest chain of re-exports that is followed.
const MOST_STEPS: usize = 32;
/// What stands before the name of an item.
const ITEMS: [&str; 8] = [
    "struct", "enum", "union", "trait", "type", "const", "static", "fn",
];

/// One `use` of one name.
struct Import {
    /// What it leads to, as written; `*` at the end is all that is there.
    path: Vec<String>,
    /// What it is called here.
    name: String,
    is_public: bool,
}

/// One module, which is a file or a `mod` with a body.
#[derive(Default)]
struct Module {
    /// Number of the file that it is in.
    file: usize,
    items: BTreeSet<String>,
    imports: Vec<Import>,
    /// Paths in the code.
    paths: BTreeSet<Vec<String>>,
    /// First names of these; those of imports and definitions are none.
    names: BTreeSet<String>,
    /// Macros that are called.
    macros: BTreeSet<String>,
}

/// What a path leads to.
enum Place {
    Module(Vec<String>),
    /// An item in the file of this number.
    Item(usize),
}

/// The modules of a crate by their paths.
pub(super) struct Modules {
    by_path: BTreeMap<Vec<String>, Module>,
    /// Macros, with the file of each.
    macros: BTreeMap<String, usize>,
    files: Vec<String>,
    /// Lines of each file that are no test's.
    lines: Vec<usize>,
}

/// That the code of one file names an item of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arrow {
    pub(super) from: String,
    pub(super) to: String,
    /// What is named, as it is written.
    pub(super) what: String,
}

impl Modules {
    /// The modules of the files of a crate, but for those that only tests have.
    pub(super) fn of(sources: &[Source]) -> Modules {
        let mut modules = Modules {
            by_path: BTreeMap::new(),
            macros: BTreeMap::new(),
            files: Vec::new(),
            lines: Vec::new(),
        };
        let mut tests = BTreeSet::new();
        for source in sources {
            let file = modules.files.len();
            modules.files.push(source.path.clone());
            let path = module_path(&source.path);
            let stream = TokenStream::from_str(&source.text).expect("a source file is Rust");
            let mut reader = Reader {
                modules: &mut modules,
                tests: &mut tests,
                file,
                test_lines: 0,
            };
            reader.module(stream, &path);
            let lines = source.text.lines().count() - reader.test_lines;
            modules.lines.push(lines);
        }
        let is_of_tests = |path: &[String]| tests.iter().any(|test| path.starts_with(test));
        modules.by_path.retain(|path, _| !is_of_tests(path));
        modules
    }

    /// How long the files are without their tests, in order of the length.
    pub(super) fn lengths(&self) -> Vec<usize> {
        let files: BTreeSet<usize> = self.by_path.values().map(|module| module.file).collect();
        let mut lengths: Vec<usize> = files.into_iter().map(|file| self.lines[file]).collect();
        lengths.sort_unstable();
        lengths
    }

    /// Which file names what of which other; a re-export of what the file does not use itself is none.
    pub(super) fn arrows(&self) -> BTreeSet<Arrow> {
        let mut arrows = BTreeSet::new();
        for (here, module) in &self.by_path {
            let mut point = |to: usize, what: String| {
                let [from, to] = [module.file, to].map(|file| self.files[file].clone());
                if from != to {
                    arrows.insert(Arrow { from, to, what });
                }
            };
            for path in Modules::paths(module) {
                if let Some(Place::Item(file)) = self.resolve(here, &path, MOST_STEPS) {
                    point(file, path.join("::"));
                }
            }
            for name in &module.macros {
                if let Some(file) = self.macros.get(name) {
                    point(*file, format!("{name}!"));
                }
            }
        }
        arrows
    }

    /// The paths that a module uses, in imports and in code.
    fn paths(module: &Module) -> impl Iterator<Item = Vec<String>> {
        let used = |import: &&Import| !import.is_public || module.names.contains(&import.name);
        let imported = module.imports.iter().filter(used).flat_map(|import| {
            let names: Vec<&String> = match import.path.last() {
                Some(last) if last == "*" => module.names.iter().collect(),
                last => last.into_iter().collect(),
            };
            let from = &import.path[..import.path.len() - 1];
            names
                .into_iter()
                .map(|name| [from, std::slice::from_ref(name)].concat())
                .collect::<Vec<_>>()
        });
        imported.chain(module.paths.iter().filter(|path| path.len() > 1).cloned())
    }

    /// What `path` leads to from the module `here`; `None` outside the crate.
    fn resolve(&self, here: &[String], path: &[String], steps: usize) -> Option<Place> {
        let steps = steps.checked_sub(1)?;
        let mut names = path.iter();
        let mut at = match names.next()?.as_str() {
            "crate" | "voicelt" => Place::Module(Vec::new()),
            "self" => Place::Module(here.to_vec()),
            "super" => Place::Module(here.split_last()?.1.to_vec()),
            name => self.find(here, name, steps)?,
        };
        for name in names {
            at = match at {
                Place::Item(_) => return Some(at),
                Place::Module(module) if name == "super" => {
                    Place::Module(module.split_last()?.1.to_vec())
                }
                Place::Module(module) if name == "self" => Place::Module(module),
                Place::Module(module) => self.find(&module, name, steps)?,
            };
        }
        Some(at)
    }

    /// What `name` is in the module `here`: its child, its item, or what it imports.
    fn find(&self, here: &[String], name: &str, steps: usize) -> Option<Place> {
        let child = [here, &[name.to_owned()]].concat();
        if self.by_path.contains_key(&child) {
            return Some(Place::Module(child));
        }
        let module = self.by_path.get(here)?;
        if module.items.contains(name) {
            return Some(Place::Item(module.file));
        }
        let steps = steps.checked_sub(1)?;
        module.imports.iter().find_map(|import| {
            if import.name == name {
                return self.resolve(here, &import.path, steps);
            }
            let (_, from) = import.path.split_last().filter(|(last, _)| *last == "*")?;
            self.resolve(here, &[from, &[name.to_owned()]].concat(), steps)
        })
    }
}

/// The path of the module that a file under `src/` is.
fn module_path(file: &str) -> Vec<String> {
    let mut path: Vec<String> = file
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if path.last().is_some_and(|last| last == "mod") || path == ["lib"] {
        path.pop();
    }
    path
}

/// Reads the modules of one file.
struct Reader<'a> {
    modules: &'a mut Modules,
    /// Paths of the modules that only tests have.
    tests: &'a mut BTreeSet<Vec<String>>,
    file: usize,
    /// Lines of the file that are a test's.
    test_lines: usize,
}

impl Reader<'_> {
    /// Takes in a module.
    fn module(&mut self, stream: TokenStream, path: &[String]) {
        let mut module = Module {
            file: self.file,
            ..Module::default()
        };
        self.code(stream, path, &mut module, true);
        self.modules.by_path.insert(path.to_vec(), module);
    }

    /// Takes in code of the module at `path`: its items where it `is_top`, else the inside of one.
    fn code(&mut self, stream: TokenStream, path: &[String], module: &mut Module, is_top: bool) {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        let mut before = String::new();
        let mut is_public = false;
        let mut at = 0;
        while let Some(tree) = trees.get(at) {
            let rest = &trees[at..];
            let word = tree.to_string();
            let next = rest.get(1).map(ToString::to_string).unwrap_or_default();
            at += match (tree, rest.get(2)) {
                (TokenTree::Punct(_), _) if is_for_tests(rest) => self.leave_out(rest, path),
                (TokenTree::Ident(_), _) if word == "use" => {
                    let end = rest.iter().position(is_end).unwrap_or(rest.len());
                    let imports = use_tree(&rest[1..end], &[]);
                    module
                        .imports
                        .extend(imports.into_iter().map(|(path, name)| Import {
                            path,
                            name,
                            is_public,
                        }));
                    end
                }
                (TokenTree::Ident(_), Some(TokenTree::Group(body))) if word == "mod" => {
                    self.module(body.stream(), &[path, &[next]].concat());
                    3
                }
                (TokenTree::Ident(_), Some(name)) if word == "macro_rules" => {
                    let here = (name.to_string(), self.file);
                    self.modules.macros.extend([here]);
                    3
                }
                (TokenTree::Ident(_), _) if is_top && is_item(rest) => {
                    module.items.insert(next);
                    2
                }
                (TokenTree::Ident(_), _) => {
                    let path = path_at(rest);
                    let length = 3 * path.len() - 2;
                    let is_macro = rest.get(length).is_some_and(|mark| mark.to_string() == "!");
                    module.names.extend(path.first().cloned());
                    match is_macro {
                        true => module.macros.extend(path.last().cloned()),
                        false => module.paths.extend([path]),
                    }
                    length
                }
                (TokenTree::Group(group), _) => {
                    // What a macro's braces hold at the top are items.
                    self.code(group.stream(), path, module, is_top && before == "!");
                    1
                }
                _ => 1,
            };
            is_public = word == "pub" || (is_public && word.starts_with('('));
            before = word;
        }
    }

    /// How many tokens an item of tests is; notes which module and how many lines it is.
    fn leave_out(&mut self, trees: &[TokenTree], path: &[String]) -> usize {
        let last = trees.iter().position(|tree| is_end(tree) || is_body(tree));
        let last = last.unwrap_or(trees.len() - 1);
        let is_mod = |tree: &TokenTree| tree.to_string() == "mod";
        let name = trees[..last].iter().skip_while(|tree| !is_mod(tree)).nth(1);
        if let Some(name) = name.filter(|_| is_end(&trees[last])) {
            self.tests.insert([path, &[name.to_string()]].concat());
        }
        let line = |at: usize| (trees[at].span().start().line, trees[at].span().end().line);
        self.test_lines += line(last).1 + 1 - line(0).0;
        last + 1
    }
}

/// Whether `#[cfg(test)]` or the like stands here.
fn is_for_tests(trees: &[TokenTree]) -> bool {
    let [TokenTree::Punct(mark), TokenTree::Group(attribute), ..] = trees else {
        return false;
    };
    let text: String = attribute.stream().to_string();
    let text: String = text.split_whitespace().collect();
    mark.as_char() == '#' && (text == "cfg(test)" || text.starts_with("cfg(all(test,"))
}

/// Whether the name of an item is the next token.
fn is_item(trees: &[TokenTree]) -> bool {
    let [word, TokenTree::Ident(name), ..] = trees else {
        return false;
    };
    let is_word = |tree: String| ITEMS.contains(&tree.as_str());
    is_word(word.to_string()) && !is_word(name.to_string())
}

fn is_end(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Punct(mark) if mark.as_char() == ';')
}

fn is_body(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// The path that begins here: names with `::` between.
fn path_at(trees: &[TokenTree]) -> Vec<String> {
    let mut path = vec![trees[0].to_string()];
    for three in trees[1..].chunks_exact(3) {
        match three {
            [
                TokenTree::Punct(a),
                TokenTree::Punct(b),
                TokenTree::Ident(name),
            ] if a.as_char() == ':' && b.as_char() == ':' => {
                path.push(name.to_string());
            }
            _ => break,
        }
    }
    path
}

/// The paths of a `use` behind the names `from`, each with what it is called.
fn use_tree(trees: &[TokenTree], from: &[String]) -> Vec<(Vec<String>, String)> {
    let mut paths = Vec::new();
    for part in trees.split(|tree| tree.to_string() == ",") {
        let mut path = from.to_vec();
        let mut renamed = None;
        let mut inside = None;
        let mut words = part.iter();
        while let Some(tree) = words.next() {
            match tree {
                TokenTree::Group(group) => inside = Some(group.stream()),
                TokenTree::Ident(word) if word == "as" => renamed = words.next(),
                // `{self}` is what it stands behind.
                TokenTree::Ident(word) if word == "self" && !path.is_empty() => {}
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Punct(mark) if mark.as_char() == '*' => path.push("*".to_owned()),
                _ => {}
            }
        }
        match (inside, path.last()) {
            (Some(inside), _) => {
                let trees: Vec<TokenTree> = inside.into_iter().collect();
                paths.extend(use_tree(&trees, &path));
            }
            (None, Some(last)) => {
                let name = renamed.map_or_else(|| last.clone(), ToString::to_string);
                paths.push((path, name));
            }
            (None, None) => {}
        }
    }
    paths
}
