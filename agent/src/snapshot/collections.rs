//! AWS's documents by the place that they came from, and what an answer does not say joined with whose it is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use peerscope_document::AwsCollection;
use peerscope_document::aws::{AwsDocuments, PrefixList, PrefixListEntry};
use peerscope_document::id::{PrefixListId, Region};

use super::files::SnapshotFile;
use super::lists::{extend, merge};
use super::names;
use super::note::Note;
use super::target_health::{self, UnnamedHealth};

/// The collections of all paths: one for each folder and, where files in it are named after Regions,
/// for each Region. People keep one account's Region in one folder.
#[derive(Debug, Default)]
pub(super) struct Collections {
    all: Vec<AwsCollection>,
    index: HashMap<(PathBuf, Option<Region>), usize>,
    entries: Vec<Entries>,
    health: Vec<UnnamedHealth>,
}

/// What one `get-managed-prefix-list-entries` returned, which is everything but of which list.
#[derive(Debug)]
struct Entries {
    file: PathBuf,
    collection: usize,
    list: Option<PrefixListId>,
    entries: Vec<PrefixListEntry>,
}

impl Collections {
    /// Adds the documents of one file.
    pub(super) fn add(
        &mut self,
        file: &SnapshotFile,
        mut documents: AwsDocuments,
        entries: Vec<Vec<PrefixListEntry>>,
    ) {
        if documents == AwsDocuments::default() && entries.is_empty() {
            return;
        }
        let named_by_file = names::prefix_list(&file.path);
        let named = take_entries(&mut documents).into_iter().map(|(list, entries)| (Some(list), entries));
        let unnamed = entries.into_iter().map(|entries| (named_by_file.clone(), entries));
        let folder = file.path.parent().unwrap_or(Path::new("")).to_path_buf();
        let region = names::region(&file.path);
        let collection = *self.index.entry((folder, region.clone())).or_insert_with(|| {
            self.all.push(AwsCollection { region, documents: AwsDocuments::default() });
            self.all.len() - 1
        });
        self.entries.extend(named.chain(unnamed).map(|(list, entries)| Entries {
            file: file.path.clone(),
            collection,
            list,
            entries,
        }));
        self.health.extend(target_health::take_unnamed(&file.path, collection, &mut documents));
        if let Some(AwsCollection { documents: existing, .. }) = self.all.get_mut(collection) {
            merge(existing, documents);
        }
    }

    /// The collections, each prefix list with its entries, as far as it can be told whose they are.
    pub(super) fn resolve(mut self, notes: &mut Vec<Note>) -> Vec<AwsCollection> {
        let (named, unnamed): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.entries).into_iter().partition(|entries| entries.list.is_some());
        for entries in named {
            if let Some(list) = entries.list {
                self.assign(&list, entries.collection, entries.entries);
            }
        }
        let lacking = self.lists_without_entries();
        let are_told_apart = unnamed.len() == 1;
        for entries in unnamed {
            match lacking.as_slice() {
                [list] if are_told_apart => self.assign(list, entries.collection, entries.entries),
                _ => notes.push(Note {
                    file: entries.file,
                    what: "the entries of a prefix list".to_owned(),
                    reason: "nothing tells of which: `get-managed-prefix-list-entries` does not print the \
                             list's id; put it into the file's name"
                        .to_owned(),
                    would_tell: "the blocks of a prefix list that routes or group rules name",
                }),
            }
        }
        target_health::join(std::mem::take(&mut self.health), &mut self.all, notes);
        self.all
    }

    /// The prefix lists, in no collection with their entries.
    fn lists_without_entries(&self) -> Vec<PrefixListId> {
        let mut lists = HashMap::new();
        for list in self.prefix_lists() {
            *lists.entry(&list.prefix_list_id).or_insert(false) |=
                list.entries.is_some() || list.cidrs.is_some();
        }
        lists.into_iter().filter(|&(_, has_entries)| !has_entries).map(|(list, _)| list.clone()).collect()
    }

    fn prefix_lists(&self) -> impl Iterator<Item = &PrefixList> {
        self.all.iter().flat_map(|collection| collection.documents.prefix_lists.iter().flatten())
    }

    /// Gives a list its entries wherever it is listed, else lists it where the entries were found.
    fn assign(&mut self, id: &PrefixListId, collection: usize, entries: Vec<PrefixListEntry>) {
        let mut is_listed = false;
        for collection in &mut self.all {
            for list in collection.documents.prefix_lists.iter_mut().flatten() {
                if list.prefix_list_id == *id {
                    extend(&mut list.entries, entries.iter().cloned());
                    is_listed = true;
                }
            }
        }
        if !is_listed && let Some(collection) = self.all.get_mut(collection) {
            let list = PrefixList {
                prefix_list_id: id.clone(),
                prefix_list_name: None,
                owner_id: None,
                cidrs: None,
                entries: Some(entries),
            };
            extend(&mut collection.documents.prefix_lists, [list]);
        }
    }
}

/// Takes out the prefix lists that are only an id beside entries: what somebody made of the output of
/// `get-managed-prefix-list-entries`, to be joined with the list itself.
fn take_entries(documents: &mut AwsDocuments) -> Vec<(PrefixListId, Vec<PrefixListEntry>)> {
    let mut taken = Vec::new();
    if let Some(lists) = &mut documents.prefix_lists {
        lists.retain_mut(|list| match list {
            PrefixList { prefix_list_id, prefix_list_name: None, owner_id: None, cidrs: None, entries } => {
                let Some(entries) = entries.take() else { return true };
                taken.push((prefix_list_id.clone(), entries));
                false
            }
            _ => true,
        });
        if lists.is_empty() && !taken.is_empty() {
            documents.prefix_lists = None;
        }
    }
    taken
}
