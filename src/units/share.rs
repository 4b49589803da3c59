//! Shares in percent, for people: rounded to the nearest, but what is not none is never shown as
//! none, nor what is not all as all.

/// `part` of `whole`, to a tenth of a percent: `12.5 %`; `100 %` is all, and `0.0 %` none.
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    let (part, whole) = (u128::from(part), u128::from(whole.max(1)));
    match (part * 2_000 + whole) / (whole * 2) {
        0 if part > 0 => "<0.1 %".to_owned(),
        1_000 if part < whole => ">99.9 %".to_owned(),
        1_000 => "100 %".to_owned(),
        per_mille => format!("{}.{} %", per_mille / 10, per_mille % 10),
    }
}

/// A share of 1, with so many decimals of its percent.
#[must_use]
pub fn share_percent(share: f64, decimals: usize) -> String {
    let least = 10_f64.powi(-i32::try_from(decimals).unwrap_or(i32::MAX));
    let text = |percent: f64| format!("{percent:.decimals$}");
    let shown = text(share * 100.0);
    if share > 0.0 && shown == text(0.0) {
        format!("<{} %", text(least))
    } else if share < 1.0 && shown == text(100.0) {
        format!(">{} %", text(100.0 - least))
    } else {
        format!("{shown} %")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shares_are_rounded_to_the_nearest() {
        let shown = |part, whole| percent(part, whole);
        assert_eq!(shown(2, 3), "66.7 %");
        assert_eq!(shown(1, 3), "33.3 %");
        assert_eq!(shown(1, 2_000), "0.1 %", "a half is rounded up");
        assert_eq!(shown(99_999, 100_000), ">99.9 %");
        assert_eq!(shown(1, 100_000), "<0.1 %");
        assert_eq!(
            [shown(3, 3), shown(0, 3), shown(0, 0)],
            ["100 %", "0.0 %", "0.0 %"]
        );
        assert_eq!(shown(3, 2), "150.0 %");
        assert_eq!(share_percent(0.126_66, 2), "12.67 %");
        assert_eq!(share_percent(0.000_01, 2), "<0.01 %");
        assert_eq!(share_percent(0.999_999, 2), ">99.99 %");
        assert_eq!(share_percent(0.999, 0), ">99 %");
        assert_eq!(share_percent(0.004, 0), "<1 %");
        assert_eq!(
            [share_percent(0.0, 1), share_percent(1.0, 1)],
            ["0.0 %", "100.0 %"]
        );
        assert_eq!(share_percent(1.5, 0), "150 %");
    }

    proptest! {
        #[test]
        fn only_all_is_all_and_only_none_is_none(whole in 1..u64::MAX, part in any::<u64>()) {
            let part = part % whole;
            prop_assert_ne!(percent(part, whole), "100 %");
            prop_assert_eq!(percent(part, whole) == "0.0 %", part == 0);
        }
    }
}
