//! What the dyno that this process runs in adds to what documents tell: which dynos are beside it, and whether a
//! peering can carry its packets at all.

use std::net::IpAddr;

use jiff::Timestamp;
use peerscope_analysis::report::{Gap, GapKind};
use peerscope_document::heroku::{Generation, HerokuDocuments, SpaceTopology};
use peerscope_document::{MANIFEST_SCHEMA, Manifest};

use super::Known;
use crate::dyno::{Dyno, Runtime, TOPOLOGY_FILE};

impl Known {
    /// The same, with what a dyno knows of itself where documents do not say it.
    pub(crate) fn seen_from(mut self, dyno: Option<&Dyno>, at: Timestamp) -> Self {
        let Some(dyno) = dyno else { return self };
        self.gaps.extend(gaps(dyno));
        let mut documents = self.documents.take().unwrap_or_default();
        let mut adds = complete_topology(&mut documents.heroku, dyno);
        if adds {
            documents.sources.push(TOPOLOGY_FILE.to_string());
            if self.topology.is_none() {
                let schema = MANIFEST_SCHEMA.to_string();
                documents.manifest = Some(Manifest { schema, at: at.to_string(), ..Manifest::default() });
                self.gaps.push(dynos_alone());
            }
        }
        adds |= complete_generation(&mut documents.heroku, dyno);
        if adds {
            return self.with_documents(documents, at);
        }
        // What was no snapshot must not become an empty one.
        self.documents = self.topology.is_some().then_some(documents);
        self
    }
}

/// Takes the dyno's own list of its space's dynos where the documents have none, and are not of another space.
fn complete_topology(heroku: &mut HerokuDocuments, dyno: &Dyno) -> bool {
    let Some(topology) = dyno.topology.as_ref().filter(|_| heroku.topology.is_none()) else { return false };
    let cidr = heroku.peering_info.as_ref().and_then(|info| info.vpc_cidr);
    let cidr = cidr.or_else(|| heroku.space.as_ref()?.cidr).map(|cidr| cidr.network());
    let is_own = cidr.is_none_or(|cidr| addresses(topology).any(|address| cidr.contains(&address)));
    if is_own {
        heroku.topology = Some(topology.clone());
    }
    is_own
}

fn addresses(topology: &SpaceTopology) -> impl Iterator<Item = IpAddr> {
    let formations = topology.apps.iter().flat_map(|app| &app.formation);
    formations.flat_map(|formation| &formation.dynos).filter_map(|dyno| dyno.private_ip).map(IpAddr::V4)
}

/// A dyno's name proves that its space is of Fir. Documents that say otherwise are of another space.
fn complete_generation(heroku: &mut HerokuDocuments, dyno: &Dyno) -> bool {
    let space = heroku.space.as_mut().filter(|space| space.generation.is_none());
    let Some(space) = space.filter(|_| dyno.runtime() == Runtime::Fir) else { return false };
    space.generation = Some(Generation::Word("fir".to_string()));
    true
}

/// What is missing where the dyno's own file is all there is.
fn dynos_alone() -> Gap {
    Gap {
        kind: GapKind::Document,
        what: "the configuration of both sides".to_string(),
        reason: format!("no snapshot was given; {TOPOLOGY_FILE} lists dynos alone"),
        would_tell: "which setting stands in the way, and the command that mends it".to_string(),
    }
}

fn gaps(dyno: &Dyno) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let name = dyno.name.as_deref().unwrap_or_default();
    let what = "whether any VPC peering can carry this dyno's packets".to_string();
    match dyno.runtime() {
        Runtime::PrivateSpace => {}
        Runtime::Fir => gaps.push(Gap {
            kind: GapKind::Scope,
            what,
            reason: format!(
                "none can: DYNO is {name}, a name that only the Fir generation gives, and Fir cannot be peered (GENERATION_UNSUPPORTED)"
            ),
            would_tell: "how this dyno would reach a private address; apps that must be peered live in a space of the Cedar generation".to_string(),
        }),
        Runtime::Common => gaps.push(Gap {
            kind: GapKind::Scope,
            what,
            reason: format!(
                "DYNO is {name}, and neither HEROKU_PRIVATE_IP nor any HEROKU_DNS_ name is set: this is a dyno of the Common Runtime, which cannot be peered, or of a Private Space whose app has DNS discovery switched off"
            ),
            would_tell: "whether there is a peering to look for; `heroku apps:info` shows the app's space, if it has one".to_string(),
        }),
    }
    if let Some(reason) = &dyno.unread_topology {
        gaps.push(Gap {
            kind: GapKind::Document,
            what: TOPOLOGY_FILE.to_string(),
            reason: reason.clone(),
            would_tell: "which dynos of the space have which addresses".to_string(),
        });
    }
    gaps
}

#[cfg(test)]
mod tests {
    use peerscope_document::Snapshot;
    use peerscope_document::heroku::{PeeringInfo, Space};

    use super::*;

    fn dyno(name: &str) -> Dyno {
        Dyno { name: Some(name.to_string()), ..Dyno::default() }
    }

    fn listing(address: &str) -> SpaceTopology {
        serde_json::from_str(&format!(
            r#"{{"version": 1, "apps": [{{"id": "a", "domains": ["shop.herokuapp.com"], "formation":
                [{{"process_type": "web", "dynos": [{{"number": 2, "private_ip": "{address}"}}]}}]}}]}}"#
        ))
        .unwrap()
    }

    fn known(heroku: HerokuDocuments) -> Known {
        let snapshot = Snapshot { heroku, ..Snapshot::default() };
        Known::from_saved(snapshot, Timestamp::UNIX_EPOCH)
    }

    fn seen(known: Known, dyno: &Dyno) -> Known {
        known.seen_from(Some(dyno), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_space_of_a_fir_dyno_is_of_fir_unless_documents_say_otherwise() {
        let space = |generation: Option<&str>| HerokuDocuments {
            space: Some(Space {
                generation: generation.map(|word| Generation::Word(word.to_string())),
                ..Space::default()
            }),
            ..HerokuDocuments::default()
        };
        let generation = |known: Known| known.topology.unwrap().space().unwrap().generation.clone();
        let fir = dyno("web-12a34b56d-e78f9");
        assert_eq!(generation(seen(known(space(None)), &fir)).as_deref(), Some("fir"));
        assert_eq!(generation(seen(known(space(Some("cedar"))), &fir)).as_deref(), Some("cedar"));
        assert_eq!(generation(seen(known(space(None)), &dyno("web.1"))), None);
        let gap = seen(Known::default(), &fir).gaps.remove(0);
        assert!(gap.reason.starts_with("none can: DYNO is web-12a34b56d-e78f9"), "{}", gap.reason);
    }

    #[test]
    fn the_common_runtime_is_a_doubt_and_no_document() {
        let seen = seen(Known::default(), &dyno("web.1"));
        assert!(seen.topology.is_none() && seen.documents.is_none());
        assert!(
            seen.gaps[0].reason.contains("or of a Private Space whose app has DNS discovery switched off")
        );
    }

    #[test]
    fn dynos_beside_this_one_are_named_and_give_their_block() {
        let info = |cidr: &str| HerokuDocuments {
            peering_info: Some(PeeringInfo {
                vpc_cidr: Some(cidr.parse().unwrap()),
                space_cidr_blocks: Some(vec![
                    "10.0.128.0/20".parse().unwrap(),
                    "10.0.0.0/20".parse().unwrap(),
                ]),
                ..PeeringInfo::default()
            }),
            ..HerokuDocuments::default()
        };
        let here = Dyno { topology: Some(listing("10.0.139.183")), ..dyno("web.2") };
        let with = seen(known(info("10.0.0.0/16")), &here);
        let space = with.topology.as_ref().and_then(|topology| topology.space()).unwrap();
        assert_eq!(space.dynos[0].name.as_deref(), Some("web.2 of shop"));
        assert_eq!(space.dyno_blocks, ["10.0.128.0/20".parse().unwrap()]);
        assert_eq!(with.snapshot.unwrap().sources, [TOPOLOGY_FILE]);
        assert!(with.gaps.is_empty());
        // Documents of another space, and documents that have a list of their own, are left as they are.
        assert_eq!(seen(known(info("10.7.0.0/16")), &here).documents.unwrap().heroku.topology, None);
        let own = HerokuDocuments { topology: Some(listing("10.0.130.1")), ..info("10.0.0.0/16") };
        assert_eq!(seen(known(own.clone()), &here).documents.unwrap().heroku.topology, own.topology);
        // Without any snapshot it is one by itself, as if it had been named.
        let alone = seen(Known::default(), &here);
        assert!(alone.topology.is_some());
        assert_eq!(alone.snapshot.unwrap().age_seconds, Some(0));
        assert!(alone.gaps[0].reason.contains("lists dynos alone"), "{:?}", alone.gaps);
    }
}
