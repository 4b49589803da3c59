//! The few functions of probability that intervals need, by textbook formulas.

use std::f64::consts::PI;

/// Steps of a bisection: enough to use up the digits of a double.
const BISECTIONS: u32 = 80;

/// ln Γ(x) for x > 0, by Lanczos (g = 7, n = 9; Godfrey 2001).
fn ln_gamma(x: f64) -> f64 {
    const G: f64 = 7.0;
    const COEFFICIENTS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        return (PI / (PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let terms = COEFFICIENTS.iter().enumerate();
    let series: f64 = terms.map(|(i, c)| c / (x + i as f64 + 1.0)).sum();
    let t = x + G + 0.5;
    0.5 * (2.0 * PI).ln() + (x + 0.5) * t.ln() - t + (0.999_999_999_999_809_9 + series).ln()
}

/// In how many ways `k` can be chosen of `n`, as its logarithm.
pub(in crate::report) fn ln_choose(n: usize, k: usize) -> f64 {
    let ln_factorial = |n: usize| ln_gamma(n as f64 + 1.0);
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// The regularised incomplete beta function I_x(a, b) for a, b > 0, by its continued fraction
/// (Abramowitz and Stegun 26.5.8, evaluated by Lentz's method).
pub(in crate::report) fn beta_share(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p();
    match x < (a + 1.0) / (a + b + 2.0) {
        true => front.exp() * fraction(x, a, b) / a,
        false => 1.0 - front.exp() * fraction(1.0 - x, b, a) / b,
    }
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const LEAST: f64 = 1e-300;
    // It converges in about the square root of the larger parameter.
    let most = 200 + (5.0 * a.max(b).sqrt()) as u32;
    let away = |v: f64| if v.abs() < LEAST { LEAST } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in 1..most {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for term in [even, odd] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            step = c * d;
            value *= step;
        }
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// Where `rising` reaches 0 between `low` and `high`.
pub(super) fn root(rising: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        match rising(middle) < 0.0 {
            true => low = middle,
            false => high = middle,
        }
    }
    0.5 * (low + high)
}

/// The chance that Student's t with `df` degrees of freedom lies farther from 0 than `t`.
pub(in crate::report) fn t_two_sided(t: f64, df: f64) -> f64 {
    match t.is_infinite() {
        true => 0.0,
        false => beta_share(df / (df + t * t), df / 2.0, 0.5),
    }
}

/// How far from 0 Student's t with `df` degrees of freedom lies in 5 % of cases.
pub(in crate::report) fn t_limit(df: f64) -> f64 {
    // 2 / 0.05² is beyond the limit for df ≥ 1; fewer are not asked for.
    root(|t| 0.05 - t_two_sided(t, df), 0.0, 800.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(seen: f64, expected: f64) {
        assert!((seen / expected - 1.0).abs() < 1e-9, "{seen} {expected}");
    }

    #[test]
    fn the_gamma_function_is_the_factorial() {
        close(ln_gamma(11.0), 3_628_800_f64.ln());
        close(ln_gamma(0.25), 3.625_609_908_221_908_f64.ln());
    }

    #[test]
    fn beta_shares_are_sums_of_binomial_chances() {
        // P(B ≥ 3) of 4 rows at 0.7: 4·0.343·0.3 + 0.2401.
        close(beta_share(0.7, 3.0, 2.0), 0.6517);
        close(beta_share(0.99, 368.0, 1.0), 0.99_f64.powi(368));
        let (upper, lower) = (beta_share(0.3, 5e5, 7e5), beta_share(0.7, 7e5, 5e5));
        assert!(upper < 1e-300 && lower == 1.0);
        close(beta_share(0.5, 3e5, 3e5), 0.5);
    }

    #[test]
    fn limits_of_student_are_those_of_the_tables() {
        for (df, limit) in [(1.0, 12.706), (4.0, 2.776), (30.0, 2.042), (1e7, 1.95996)] {
            assert!((t_limit(df) - limit).abs() < 6e-4, "{df} {}", t_limit(df));
        }
        assert_eq!(t_two_sided(f64::INFINITY, 3.0), 0.0);
        close(t_two_sided(1.0, 1.0), 0.5);
    }
}
