//! A cause as a reader takes it in: one thing to look at, by whatever codes it may stand in the way.
//!
//! Terminal, ticket and page tell the same entries under the same numbers.

use peerscope_analysis::report::{CauseReport, CauseStatus, Component, Diagnosis, Evidence, together};

use super::words::{certainty, way};

/// One entry: a single cause, or candidates that come down to one thing to look at.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// Its number among all, from 1.
    pub(crate) number: usize,
    first: &'a CauseReport,
    causes: Vec<&'a CauseReport>,
}

/// All entries, most important first.
pub(crate) fn entries(diagnosis: &Diagnosis) -> Vec<Entry<'_>> {
    let told = together(&diagnosis.causes).into_iter();
    let entries = told.zip(1..).filter_map(|(causes, number)| {
        let first = *causes.first()?;
        Some(Entry { number, first, causes })
    });
    entries.collect()
}

impl<'a> Entry<'a> {
    /// The most likely of its causes.
    pub(crate) fn first(&self) -> &'a CauseReport {
        self.first
    }

    /// All of them.
    pub(crate) fn causes(&self) -> &[&'a CauseReport] {
        &self.causes
    }

    /// Where it lies: of several the first that has an id, since a missing peering has none.
    pub(crate) fn component(&self) -> &'a Component {
        let named = self.causes.iter().find(|cause| cause.component.id.is_some());
        &named.unwrap_or(&self.first).component
    }

    /// Its codes, each once.
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        let mut codes: Vec<&'static str> = Vec::new();
        for cause in &self.causes {
            if !codes.contains(&cause.code.name()) {
                codes.push(cause.code.name());
            }
        }
        codes
    }

    /// How sure it is that it is in the way at all.
    pub(crate) fn certainty(&self) -> &'static str {
        certainty(&self.causes)
    }

    /// Which way the packets travel that it stops.
    pub(crate) fn way(&self) -> Option<&'static str> {
        let directed = self.causes.iter().all(|cause| cause.direction.is_some());
        let is_one = self.causes.iter().all(|cause| cause.direction == self.first.direction);
        match (is_one, directed) {
            (true, _) => way(self.first.direction),
            (false, true) => Some("on the way there or back"),
            (false, false) => None,
        }
    }

    /// Whether it is one of several of which at least one holds.
    pub(crate) fn is_candidate(&self) -> bool {
        self.first.status == CauseStatus::Candidate
    }

    /// Whether both are of one group, of which at least one holds.
    pub(crate) fn is_alternative_of(&self, other: &Entry<'_>) -> bool {
        self.first.alternatives.is_some() && self.first.alternatives == other.first.alternatives
    }

    /// What speaks for it and against, beside what is `common` to all of its group.
    pub(crate) fn own_evidence(&self, common: &[&Evidence]) -> Vec<&'a Evidence> {
        let mut own: Vec<&Evidence> = Vec::new();
        for evidence in self.causes.iter().flat_map(|cause| &cause.evidence) {
            if !common.contains(&evidence) && !own.contains(&evidence) {
                own.push(evidence);
            }
        }
        own
    }
}

/// The entries that follow one another and are alternatives of each other; an established cause stands alone.
pub(crate) fn groups<'e, 'a>(entries: &'e [Entry<'a>]) -> impl Iterator<Item = &'e [Entry<'a>]> {
    entries.chunk_by(|one, next| one.is_alternative_of(next))
}

/// What speaks for each of several alternatives, or against each: of itself it tells none of them from another. Of
/// one alone nothing is common.
pub(crate) fn common_evidence<'a>(group: &[Entry<'a>]) -> Vec<&'a Evidence> {
    let [first, _, ..] = group else { return Vec::new() };
    let is_everywhere = |evidence: &&Evidence| {
        group.iter().flat_map(Entry::causes).all(|cause| cause.evidence.contains(evidence))
    };
    first.first.evidence.iter().filter(is_everywhere).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use std::path::Path;

    use peerscope_analysis::cause::CauseCode;
    use peerscope_analysis::reach::Direction;

    use super::*;
    use crate::command::analyze::diagnosis_for_test;

    /// An established cause, then candidates of one group: their codes, ids, confidences and ways.
    fn diagnosis(candidates: &[(CauseCode, Option<&str>, f64, Option<Direction>)]) -> Diagnosis {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/documents/orders-db");
        let loaded = crate::snapshot::load(&[example]).unwrap();
        let mut diagnosis = diagnosis_for_test(&loaded, "space", "tcp://10.100.2.20:5432").unwrap();
        diagnosis.causes.truncate(1);
        for (code, id, confidence, direction) in candidates {
            let mut cause = diagnosis.causes[0].clone();
            cause.status = CauseStatus::Candidate;
            cause.alternatives = Some("silence".to_string());
            (cause.code, cause.confidence, cause.direction) = (*code, *confidence, *direction);
            cause.component.id = id.map(String::from);
            // What comes down to one thing to look at is told in one sentence.
            cause.summary = format!("{:?}", code.cause().component);
            diagnosis.causes.push(cause);
        }
        diagnosis
    }

    #[test]
    fn candidates_of_one_thing_are_one_entry_and_the_most_likely_entry_comes_first() {
        let diagnosis = diagnosis(&[
            (CauseCode::HostSilent, Some("eni-1"), 0.35, None),
            (CauseCode::PeeringMissing, None, 0.2, None),
            (CauseCode::PeeringNotActive, Some("pcx-1"), 0.2, None),
            (CauseCode::SubnetAclRestriction, Some("acl-1"), 0.15, Some(Direction::Forward)),
            (CauseCode::SubnetAclRestriction, Some("acl-1"), 0.1, Some(Direction::Return)),
        ]);
        let entries = entries(&diagnosis);
        let told: Vec<_> = entries[1..]
            .iter()
            .map(|entry| (entry.number, entry.codes(), entry.component().id.as_deref(), entry.way()))
            .collect();
        assert_eq!(
            told,
            [
                (2, vec!["PEERING_MISSING", "PEERING_NOT_ACTIVE"], Some("pcx-1"), None),
                (3, vec!["HOST_SILENT"], Some("eni-1"), None),
                (4, vec!["SUBNET_ACL_RESTRICTION"], Some("acl-1"), Some("on the way there or back")),
            ]
        );
        // An established cause stays where it is, and by itself.
        assert!(!entries[0].is_candidate() && groups(&entries).map(<[_]>::len).eq([1, 3]));
    }

    #[test]
    fn evidence_is_common_where_every_alternative_has_it() {
        let mut diagnosis = diagnosis(&[
            (CauseCode::HostSilent, Some("eni-1"), 0.6, None),
            (CauseCode::PeeringMissing, None, 0.4, None),
        ]);
        let mut own = diagnosis.causes[2].evidence[0].clone();
        own.text.push_str(", and more");
        diagnosis.causes[2].evidence.push(own.clone());
        let entries = entries(&diagnosis);
        let common = common_evidence(&entries[1..]);
        assert_eq!(common, diagnosis.causes[1].evidence.iter().collect::<Vec<_>>());
        assert!(entries[1].own_evidence(&common).is_empty());
        assert_eq!(entries[2].own_evidence(&common), [&own]);
        assert!(common_evidence(&entries[..1]).is_empty());
    }
}
