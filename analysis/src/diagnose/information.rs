//! What an outcome tells, in bits (Shannon 1948): for acts of people and for probes of the machine alike.

/// What is not known where one of these holds, of which the probabilities sum to 1, in bits.
pub(super) fn entropy(shares: &[f64]) -> f64 {
    shares.iter().map(|share| surprise(*share)).sum()
}

/// The share of an outcome in the entropy of all, in bits.
pub(super) fn surprise(share: f64) -> f64 {
    if share <= 0.0 { 0.0 } else { -share * log2(share) }
}

/// The binary logarithm of a number above 0, by its exponent and a series: there is none without the standard
/// library. Exact to 1e-6, which is more than any weight here deserves.
fn log2(number: f64) -> f64 {
    let bits = number.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
    let mantissa = f64::from_bits(bits & ((1 << 52) - 1) | (1023 << 52));
    // The logarithm of (1 + r) / (1 - r) is 2 (r + r³/3 + r⁵/5 + …); of 1 to 2, r is at most a third.
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let (mut power, mut sum) = (ratio, 0.0);
    for odd in [1.0, 3.0, 5.0, 7.0, 9.0, 11.0] {
        sum += power / odd;
        power *= ratio * ratio;
    }
    f64::from(exponent) + 2.0 * sum / core::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_those_of_the_standard_library() {
        for number in [1e-9, 0.001, 0.1, 0.25, 0.3, 0.5, 0.75, 0.999, 1.0, 3.0] {
            let own = log2(number);
            assert!((own - f64::log2(number)).abs() < 1e-6, "{number}: {own}");
        }
    }

    #[test]
    fn what_is_certain_tells_nothing_and_a_fair_coin_one_bit() {
        assert!(entropy(&[1.0, 0.0]).abs() < 1e-6);
        assert!((entropy(&[0.5, 0.5]) - 1.0).abs() < 1e-6);
        assert!((entropy(&[0.25; 4]) - 2.0).abs() < 1e-6);
    }
}
