//! How much of the past a page shows.

use jiff::{SignedDuration, Timestamp};

use crate::daemon::history::Window;
use crate::daemon::url::decoded_query;
use crate::page::Markup;

/// How much of the past is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stretch {
    /// What is in memory: each of the last probes.
    Lately,
    Day,
    Week,
    Month,
    /// As long as is kept where nothing else is said.
    Quarter,
}

impl Stretch {
    /// All of them, the shortest first.
    pub(super) const ALL: [Self; 5] = [Self::Lately, Self::Day, Self::Week, Self::Month, Self::Quarter];

    /// What a URL's query asks for.
    pub(super) fn of(query: &str) -> Self {
        let asked = decoded_query(query).find(|(key, _)| key == "past").map(|(_, value)| value);
        Self::ALL.into_iter().find(|one| asked.as_deref() == Some(one.word())).unwrap_or(Self::Lately)
    }

    /// The word of the query.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Lately => "lately",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Lately => "The last probes",
            Self::Day => "24 hours",
            Self::Week => "7 days",
            Self::Month => "30 days",
            Self::Quarter => "90 days",
        }
    }

    /// From when to when; none where that is what memory holds.
    pub(super) fn window(self, now: Timestamp) -> Option<Window> {
        let days = match self {
            Self::Lately => return None,
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
            Self::Quarter => 90,
        };
        let from = now.checked_sub(SignedDuration::from_hours(days * 24)).ok()?;
        Some(Window { from, to: now })
    }

    /// A time on an axis as long as this.
    pub(super) fn moment(self, at: Timestamp) -> String {
        match self {
            Self::Lately => super::words::hour(at),
            Self::Day => at.strftime("%m-%d %H:%M").to_string(),
            Self::Week | Self::Month | Self::Quarter => at.strftime("%Y-%m-%d").to_string(),
        }
    }

    /// A part of a URL's query that asks for it; nothing for what is shown anyway.
    pub(super) fn asked(self) -> Option<String> {
        (self != Self::Lately).then(|| format!("past={}", self.word()))
    }

    /// Links to all of them.
    pub(super) fn choice(self, link: impl Fn(Self) -> String) -> Markup {
        let items = Self::ALL.into_iter().map(|one| {
            let words = [Markup::words(one.words())];
            let item = match one == self {
                true => Markup::element("strong", &[("aria-current", "true")], words),
                false => Markup::element("a", &[("href", &format!("{}#time", link(one)))], words),
            };
            Markup::element("li", &[], [item])
        });
        let list = Markup::element("ul", &[], items);
        Markup::element("nav", &[("class", "stretch"), ("aria-label", "How much of the past")], [list])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_how_much_and_anything_else_is_the_last_probes() {
        for (query, stretch) in [
            ("", Stretch::Lately),
            ("past=day", Stretch::Day),
            ("reload=1&past=quarter", Stretch::Quarter),
            ("past=year", Stretch::Lately),
            ("past=%3Cb%3E", Stretch::Lately),
        ] {
            assert_eq!(Stretch::of(query), stretch, "{query}");
        }
        for stretch in Stretch::ALL {
            assert_eq!(Stretch::of(&stretch.asked().unwrap_or_default()), stretch);
        }
    }
}
