//! Whether a trace should still be there: recordings of calls may have a day to be deleted on.

use jiff::Timestamp;

use super::stream::Bundle;

/// The warning about a trace that was to be deleted before `now`, or that has an unreadable day.
#[must_use]
pub fn overdue(bundle: &Bundle, now: Timestamp) -> Option<String> {
    let after = bundle.manifest.delete_after.as_ref()?;
    let trace = bundle.dir.display();
    match after.parse::<Timestamp>() {
        Ok(instant) if now <= instant => None,
        Ok(_) => Some(format!(
            "{trace} was to be deleted after {after}; delete it, or record the calls anew"
        )),
        Err(_) => Some(format!(
            "{trace} has `delete_after` {after} in its trace.json, which is no instant of RFC 3339; correct it, so that it is known when to delete the trace"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample;
    use crate::trace::writer::BundleWriter;

    #[test]
    fn a_trace_is_overdue_from_its_day_on() {
        let dir = tempfile::tempdir().unwrap();
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let warning = |delete_after: Option<&str>| {
            let mut manifest = sample::manifest("a");
            manifest.delete_after = delete_after.map(str::to_owned);
            let writer = BundleWriter::create(&dir.path().join("a.vtrace")).unwrap();
            overdue(&writer.finish(&manifest).unwrap(), now)
        };
        assert_eq!(warning(None), None);
        assert_eq!(warning(Some("2026-03-01T12:00:00Z")), None);
        let late = warning(Some("2026-03-01T12:59:59+01:00")).unwrap();
        assert!(
            late.contains("deleted after 2026-03-01T12:59:59+01:00"),
            "{late}"
        );
        assert!(warning(Some("soon")).unwrap().contains("RFC 3339"));
    }
}
