//! A difference between engine and kernel, made so small that a person sees what it is about, and kept.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use libtest_mimic::Failed;
use peerscope_analysis::topology::Topology;
use peerscope_document::Snapshot;
use peerscope_laboratory::world::{Layout, PrefixListForm, Style, World};
use peerscope_laboratory::{Enclosure, FlowProtocol, Host, Twin, fewest, fewest_documents};
use serde::{Deserialize, Serialize};

use crate::question::{Question, Written};
use crate::said::{Said, said};
use crate::seen::{HASTY, PATIENT, Seen, seen};

/// Where differences that were agreed about since are kept: each is tried again by every run.
const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/agreement/regressions");
/// How the documents are written for a person to read.
const PLAIN: Style =
    Style { layout: Layout::FilePerCall, prefix_lists: PrefixListForm::Managed, noise: false };

/// A flow that engine and kernel say different things of.
pub(crate) struct Disagreement {
    pub(crate) question: Question,
    pub(crate) said: Said,
    pub(crate) seen: Seen,
}

/// Documents and a flow, as a file holds them.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// What it was about.
    about: String,
    question: Written,
    dynos: Vec<IpAddr>,
    snapshot: Snapshot,
}

/// What engine and kernel say of one flow, in a twin of its own.
fn both(
    enclosure: &Enclosure,
    snapshot: &Snapshot,
    dynos: &[IpAddr],
    question: &Question,
    patience: &[Duration],
) -> Result<(Said, Seen), Failed> {
    let hosts = [question.from.host.clone(), question.to.host.clone()];
    let twin = Twin::build_lean(enclosure, snapshot, dynos, &hosts)?;
    let seen = seen(&twin, std::slice::from_ref(question), patience)?;
    let seen = seen.into_iter().next().ok_or("no fate")?;
    Ok((said(&Topology::from(snapshot), question)?, seen))
}

impl Disagreement {
    /// Whether these documents show it as well. What is no world any more, having lost a host or what the twin
    /// needs, does not.
    fn is_of(&self, enclosure: &Enclosure, snapshot: &Snapshot, dynos: &[IpAddr]) -> bool {
        both(enclosure, snapshot, dynos, &self.question, HASTY)
            .is_ok_and(|(said, seen)| said == self.said && seen == self.seen)
    }

    /// Leaves out changes, then documents, as long as the difference stays, and writes what is left into
    /// `folder`. The words say what was found, where it is and how to ask again.
    pub(crate) fn report(
        &self,
        enclosure: &Enclosure,
        world: impl Fn(&[u64]) -> Result<World, Failed>,
        changes: &[u64],
        folder: &Path,
    ) -> Result<String, Failed> {
        let fewest_changes = fewest(changes, |some| {
            let world = world(some)?;
            Ok::<_, Failed>(self.is_of(enclosure, &world.snapshot, &world.dynos()))
        })?;
        let mut world = world(&fewest_changes)?;
        let dynos = world.dynos();
        let is_of = |snapshot: &Snapshot| Ok::<_, Failed>(self.is_of(enclosure, snapshot, &dynos));
        world.snapshot = fewest_documents(&world.snapshot, is_of)?;
        let _ = fs::remove_dir_all(folder);
        world.write(&folder.join("snapshot"), PLAIN)?;
        let about = format!("the engine said {}, the kernel {}", self.said, self.seen);
        let question = Written::from(&self.question);
        let kept = Kept { about: about.clone(), question, dynos, snapshot: world.snapshot };
        let file = folder.join("disagreement.json");
        fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&kept)?))?;
        Ok(format!(
            "{}\n  the engine: {}\n  the kernel: {}\n  {} of {} changes are needed: {fewest_changes:?}\n  \
             the fewest documents: {}\n  to ask again: peerscope {}\n  \
             to keep it, once both agree: cp {} {REGRESSIONS}/NAME.json",
            words(&self.question),
            self.said,
            self.seen,
            fewest_changes.len(),
            changes.len(),
            folder.join("snapshot").display(),
            self.command(&folder.join("snapshot")),
            file.display(),
        ))
    }

    fn command(&self, snapshot: &Path) -> String {
        let Question { from, to, protocol, source_port, port } = &self.question;
        let source = match &from.host {
            Host::Interface(id) => id.to_string(),
            Host::Dyno(address) => address.to_string(),
        };
        let address = match to.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let snapshot = snapshot.display();
        match protocol {
            FlowProtocol::Echo => {
                format!("analyze --from {source} --to icmp://{address} --snapshot {snapshot}")
            }
            FlowProtocol::Tcp | FlowProtocol::Udp => format!(
                "analyze --from {source} --to {}://{address}:{port} --source-ports {source_port}-{source_port} \
                 --snapshot {snapshot}",
                name(*protocol)
            ),
        }
    }
}

fn name(protocol: FlowProtocol) -> &'static str {
    match protocol {
        FlowProtocol::Tcp => "tcp",
        FlowProtocol::Udp => "udp",
        FlowProtocol::Echo => "icmp",
    }
}

fn words(question: &Question) -> String {
    let Question { from, to, protocol, source_port, port } = question;
    let (one, other) = (format!("{} ({})", from.address, from.host), format!("{} ({})", to.address, to.host));
    format!("{} from {one} port {source_port} to {other} port {port}", name(*protocol))
}

/// The files of former differences, by their names.
pub(crate) fn regressions() -> Result<Vec<(String, PathBuf)>, std::io::Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(REGRESSIONS)? {
        let path = entry?.path();
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
        if path.extension().is_some_and(|it| it == "json") {
            files.push((name.unwrap_or_default(), path));
        }
    }
    files.sort();
    Ok(files)
}

/// A former difference, tried again.
pub(crate) fn agrees_now(enclosure: &Enclosure, file: &Path) -> Result<(), Failed> {
    let text = fs::read_to_string(file)?;
    let Kept { about, question, dynos, snapshot } =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    let question = Question::from(question);
    let (said, seen) = both(enclosure, &snapshot, &dynos, &question, PATIENT)?;
    if said.agrees(&seen, &snapshot, &question) && !said.is_undecided() {
        return Ok(());
    }
    Err(format!("{}: the engine: {said}; the kernel: {seen}; once: {about}", words(&question)).into())
}
