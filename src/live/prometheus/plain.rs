//! OpenMetrics text as the older text format of Prometheus, for who does not read OpenMetrics.

use std::fmt::Write;

/// The page in the older format: without units, exemplars and the end mark; types belong to the
/// names of the samples.
#[must_use]
pub fn plain(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                other => ("", other),
            };
            if let Some((_, help)) = help.take().filter(|(of, _)| *of == name) {
                // Writing to a String cannot fail, here and below.
                let _ = writeln!(text, "# HELP {name}{suffix} {help}");
            }
            let _ = writeln!(text, "# TYPE {name}{suffix} {kind}");
        } else if !line.starts_with('#') {
            text.push_str(sample(line));
            text.push('\n');
        }
    }
    text
}

/// A line without its exemplar, which begins at the first ` # ` outside of a label's value.
fn sample(line: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b' ' if !quoted && line[at..].starts_with(" # ") => return &line[..at],
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_formats_have_is_left() {
        let page = "\
# HELP a_run The run.
# TYPE a_run info
a_run_info{trace=\"a # {b} \\\" 2\"} 1
# HELP a_requests Requests # that ended.
# TYPE a_requests counter
a_requests_total{status=\"ok\"} 3
# HELP a_wait_seconds A wait.
# TYPE a_wait_seconds histogram
# UNIT a_wait_seconds seconds
a_wait_seconds_bucket{le=\"+Inf\"} 1 # {trace_id=\"00\"} 0.4 1.5
# TYPE a_now gauge
a_now 4
# EOF
";
        let expected = "\
# HELP a_run_info The run.
# TYPE a_run_info gauge
a_run_info{trace=\"a # {b} \\\" 2\"} 1
# HELP a_requests_total Requests # that ended.
# TYPE a_requests_total counter
a_requests_total{status=\"ok\"} 3
# HELP a_wait_seconds A wait.
# TYPE a_wait_seconds histogram
a_wait_seconds_bucket{le=\"+Inf\"} 1
# TYPE a_now gauge
a_now 4
";
        assert_eq!(plain(page), expected);
    }
}
