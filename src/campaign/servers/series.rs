//! What a Prometheus server is asked for.

use std::str::FromStr;

/// A series, or several with different labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What it is called in the results.
    pub(super) name: String,
    /// What it is.
    pub(super) promql: String,
}

impl FromStr for Query {
    type Err = String;

    /// `NAME=PROMQL`.
    fn from_str(text: &str) -> Result<Query, String> {
        let parts = text.split_once('=');
        let parts = parts.map(|(name, promql)| (name.trim(), promql.trim()));
        match parts {
            Some((name, promql)) if is_name(name) && !promql.is_empty() => {
                Ok(Query::new(name, promql))
            }
            _ => Err(format!(
                "`{text}` is not NAME=PROMQL, with a name of letters, digits and _, such as pods=sum(up)"
            )),
        }
    }
}

impl Query {
    fn new(name: &str, promql: &str) -> Query {
        Query {
            name: name.to_owned(),
            promql: promql.to_owned(),
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(is_part)
}

/// What is always asked for: the GPUs as NVIDIA's DCGM exporter tells of them, and the gateway's own
/// metrics.
pub(super) fn usual() -> Vec<Query> {
    let e2e = |q: &str| {
        format!(
            "histogram_quantile({q}, sum by (le) (rate(voice_gateway_e2e_latency_seconds_bucket[1m])))"
        )
    };
    vec![
        Query::new("gpu_utilisation_percent", "DCGM_FI_DEV_GPU_UTIL"),
        Query::new("gpu_memory_used_mib", "DCGM_FI_DEV_FB_USED"),
        Query::new("gateway_active_streams", "voice_gateway_active_streams"),
        Query::new(
            "gateway_requests_per_s",
            "sum by (status) (rate(voice_gateway_requests_total[1m]))",
        ),
        Query::new("gateway_e2e_p50_s", &e2e("0.5")),
        Query::new("gateway_e2e_p95_s", &e2e("0.95")),
        Query::new("gateway_e2e_p99_s", &e2e("0.99")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_a_name() {
        let read = "pods=sum(up{job=\"gateway\"})".parse::<Query>().unwrap();
        assert_eq!(read, Query::new("pods", "sum(up{job=\"gateway\"})"));
        for text in ["sum(up)", "=up", "a=", "a b=up", "sum(up{job=\"x\"})=1"] {
            assert!(text.parse::<Query>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_of_what_is_usual_are_names() {
        assert!(usual().iter().all(|query| is_name(&query.name)));
    }
}
