//! JSON pointers (RFC 6901), which name a place in a message of JSON or of protobuf.

/// Most names in a pointer: deeper, no message is read.
const MOST_NAMES: usize = 32;

/// The names of a pointer.
///
/// # Errors
/// Why it is none.
pub(super) fn names(pointer: &str) -> Result<Vec<String>, String> {
    let Some(names) = pointer.strip_prefix('/') else {
        return Err(format!(
            "`{pointer}` is no pointer: it begins with /, as /a/0/b does"
        ));
    };
    let names: Vec<String> = names
        .split('/')
        .map(|name| name.replace("~1", "/").replace("~0", "~"))
        .collect();
    match names.len() > MOST_NAMES {
        true => Err(format!("`{pointer}` is deeper than {MOST_NAMES} names")),
        false => Ok(names),
    }
}

/// The number that a name is, if it counts elements of a list.
pub(super) fn index(name: &str) -> Option<usize> {
    let is_number = name == "0" || !name.starts_with(['0', '+']);
    is_number.then(|| name.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_read_as_rfc_6901_has_them() {
        assert_eq!(names("/a~1b/~01/0").unwrap(), ["a/b", "~1", "0"]);
        assert_eq!(names("/").unwrap(), [""]);
        assert_eq!(
            names("a/b").unwrap_err(),
            "`a/b` is no pointer: it begins with /, as /a/0/b does"
        );
        assert!(names(&"/a".repeat(33)).unwrap_err().ends_with("32 names"));
        let indices = ["0", "12", "01", "+1", "-1", "a", ""].map(index);
        assert_eq!(indices, [Some(0), Some(12), None, None, None, None, None]);
    }
}
