//! What weights become by what was seen: Bayes's rule, in one place, for whatever is weighed.
//!
//! Causes of a silence, of losses and of a stall are weighed by clues of their own, and the choice of the next probe
//! asks what each would become by an answer that has not come yet. All of them mean the same by it.

use alloc::vec::Vec;

/// The probability of each of these, of which one is taken to hold, in their order: they sum to 1. Each has its
/// prior weight, to no certain sum, and how likely what was seen is where it holds.
///
/// What none of them explains is told by the priors: something is wrong that is not thought of. Where nobody gives
/// any of them weight, all are equal.
pub(super) fn posterior(weighed: &[(f64, f64)]) -> Vec<f64> {
    let explained: f64 = weighed.iter().map(|(prior, likelihood)| prior * likelihood).sum();
    let priors: f64 = weighed.iter().map(|(prior, _)| prior).sum();
    let even = 1.0 / weighed.len().max(1) as f64;
    let one = |(prior, likelihood): &(f64, f64)| {
        if explained > 0.0 {
            prior * likelihood / explained
        } else if priors > 0.0 {
            prior / priors
        } else {
            even
        }
    };
    weighed.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::posterior;

    fn holds(weighed: &[(f64, f64)], expected: &[f64]) {
        let found = posterior(weighed);
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-12), "{found:?}");
    }

    #[test]
    fn weights_become_probabilities_by_what_was_seen() {
        holds(&[(2.0, 1.0), (6.0, 1.0)], &[0.25, 0.75]);
        holds(&[(2.0, 0.9), (6.0, 0.1)], &[0.75, 0.25]);
        holds(&[(2.0, 0.0), (6.0, 0.1)], &[0.0, 1.0]);
    }

    #[test]
    fn what_nothing_explains_is_told_by_the_priors_and_without_them_all_are_equal() {
        holds(&[(2.0, 0.0), (6.0, 0.0)], &[0.25, 0.75]);
        holds(&[(0.0, 0.5), (0.0, 0.0)], &[0.5, 0.5]);
        holds(&[], &[]);
    }
}
