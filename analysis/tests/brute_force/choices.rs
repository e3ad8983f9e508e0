//! Random choices from a tape, so that proptest can make a failing world small: an empty tape chooses
//! the first of everything.

use std::fmt;

/// Numbers to choose by.
#[derive(Clone)]
pub(crate) struct Choices {
    tape: Vec<u16>,
    at: usize,
    /// In how many of a hundred places something unhealthy is to be found.
    harm: usize,
}

impl Choices {
    pub(crate) fn new(tape: Vec<u16>) -> Self {
        Self { tape, at: 0, harm: 0 }
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let drawn = self.tape.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        (usize::from(drawn) * end) >> 16
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Decides how unhealthy the places are that [`Choices::harm`] is asked about from now on: a few
    /// faults let packets through that meet one edge of a rule, many let nothing through.
    pub(crate) fn decide_harm(&mut self) {
        self.harm = self.pick(&[5, 10, 20, 60, 100]);
    }

    /// Whether something unhealthy is here that, in the worst of worlds, is in so many of a hundred.
    pub(crate) fn harm(&mut self, share: usize) -> bool {
        let share = share * self.harm / 100;
        self.percent(share)
    }

    /// Whether something happens that does in so many of a hundred cases.
    pub(crate) fn percent(&mut self, share: usize) -> bool {
        self.below(100) >= 100 - share
    }
}

impl fmt::Debug for Choices {
    /// The choices that are not the first of what was to choose from.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let drawn = self.tape.iter().enumerate().filter(|(_, drawn)| **drawn != 0);
        formatter.debug_map().entries(drawn).finish()
    }
}
