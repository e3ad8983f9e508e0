//! What is to be shown to nobody: neither in an error nor in the log, nor where a value is printed for a developer.

use std::fmt;

/// A password, a token, or a header that holds one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(super) String);

impl Secret {
    /// What it is, for a request that carries it to whom it is meant for.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// Whether a header can carry it.
pub(super) fn is_secret(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let shown = format!("{:?} {:#?}", Secret("hunter2".to_string()), Some(Secret("hunter2".to_string())));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(Secret("hunter2".to_string()).reveal(), "hunter2");
    }
}
