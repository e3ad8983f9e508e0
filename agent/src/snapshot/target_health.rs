//! Health of targets joined with the target group that was asked for, which `describe-target-health` does not print.

use std::path::{Path, PathBuf};

use peerscope_document::AwsCollection;
use peerscope_document::aws::{AwsDocuments, TargetGroup, TargetGroupHealth};

use super::lists::extend;
use super::note::Note;

/// An answer that does not say of which group it is.
#[derive(Debug)]
pub(super) struct UnnamedHealth {
    file: PathBuf,
    collection: usize,
    health: TargetGroupHealth,
}

/// Takes the answers without a group out of the documents of a file.
pub(super) fn take_unnamed(
    file: &Path,
    collection: usize,
    documents: &mut AwsDocuments,
) -> Vec<UnnamedHealth> {
    let Some(list) = &mut documents.target_group_health else { return Vec::new() };
    let (named, unnamed): (Vec<_>, Vec<_>) =
        std::mem::take(list).into_iter().partition(|health| health.target_group_arn.is_some());
    *list = named;
    if list.is_empty() && !unnamed.is_empty() {
        documents.target_group_health = None;
    }
    let unnamed = unnamed.into_iter();
    unnamed.map(|health| UnnamedHealth { file: file.to_path_buf(), collection, health }).collect()
}

/// Gives each answer the group that its file is named after, or the only one that there is.
pub(super) fn join(unnamed: Vec<UnnamedHealth>, all: &mut [AwsCollection], notes: &mut Vec<Note>) {
    let is_only_one = unnamed.len() == 1;
    for UnnamedHealth { file, collection, mut health } in unnamed {
        let Some(AwsCollection { documents, .. }) = all.get_mut(collection) else { continue };
        let groups = documents.target_groups.as_deref().unwrap_or_default();
        let group = match groups {
            [group] if is_only_one => Some(group),
            groups => named_after(&file, groups),
        };
        match group.map(|group| group.target_group_arn.clone()) {
            Some(arn) => {
                health.target_group_arn = Some(arn);
                extend(&mut documents.target_group_health, [health]);
            }
            None => notes.push(Note {
                file,
                what: "the health of targets".to_owned(),
                reason: "nothing tells of which target group: `describe-target-health` does not print it; put \
                         TargetGroupArn beside TargetHealthDescriptions, or the group's name into the file's name"
                    .to_owned(),
                would_tell: "whether a load balancer has a healthy target",
            }),
        }
    }
}

/// The group with the longest name that a file's name has in it.
fn named_after<'a>(file: &Path, groups: &'a [TargetGroup]) -> Option<&'a TargetGroup> {
    let stem = file.file_stem()?.to_string_lossy();
    let name = |group: &TargetGroup| group.target_group_name.clone().filter(|name| !name.is_empty());
    let is_named = |group: &&TargetGroup| name(group).is_some_and(|name| holds_whole(&stem, &name));
    groups.iter().filter(is_named).max_by_key(|group| name(group).map_or(0, |name| name.len()))
}

/// Whether `text` has `name` in it, and neither a letter nor a digit on either side of it.
fn holds_whole(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|after| after.chars().next());
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    })
}
