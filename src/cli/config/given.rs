//! A setting that is given elsewhere than on the command line, and where.

/// Where a setting is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Origin {
    /// `variable`, `recipe` or `file`.
    pub(super) kind: &'static str,
    /// The variable, or the file and the line in it.
    pub(super) place: String,
}

/// A flag that is set elsewhere than on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Given {
    /// Its long name.
    pub(super) flag: String,
    /// As the command line would have them.
    pub(super) values: Vec<String>,
    pub(super) origin: Origin,
}
