//! Writing a world's documents as the files that a user would have saved.
//!
//! Nobody saves a snapshot as this project's types: users have the raw output of commands, in one file or
//! many, with fields that no tool knows and nulls where nothing is set. A world is written in any of the
//! forms that the contract promises to read, so that reading is tested by everything that tests anything.

use std::fs;
use std::path::Path;

use peerscope_document::AwsCollection;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::World;
use super::draw::Lot;
use super::noise;
use crate::error::LaboratoryError;

/// How the files are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A file for each call, all accounts and Regions in one folder.
    FilePerCall,
    /// One file for each account and Region.
    OneFile,
    /// A folder for each account and Region, and in it a file for each call.
    FolderPerRegion,
}

/// How prefix lists are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixListForm {
    /// `describe-managed-prefix-lists`, and for each list `get-managed-prefix-list-entries` in a file
    /// named after it.
    Managed,
    /// `describe-prefix-lists`, with `Cidrs`.
    WithCidrs,
}

/// In which of the forms a snapshot is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// How the files are cut.
    pub layout: Layout,
    /// How prefix lists are written.
    pub prefix_lists: PrefixListForm,
    /// Whether fields that no tool knows are strewn in, and nulls.
    pub noise: bool,
}

impl Style {
    /// A style by lot.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut lot = Lot::new(seed ^ 0x057A_1E00);
        Self {
            layout: lot.pick([Layout::FilePerCall, Layout::OneFile, Layout::FolderPerRegion]),
            prefix_lists: lot.pick([PrefixListForm::Managed, PrefixListForm::WithCidrs]),
            noise: lot.chance(70),
        }
    }
}

impl World {
    /// Writes the snapshot into a directory, which is made where it does not exist.
    ///
    /// # Errors
    /// [`LaboratoryError::System`] where a file cannot be written.
    pub fn write(&self, directory: &Path, style: Style) -> Result<(), LaboratoryError> {
        let writer = Writer { directory, style };
        for (index, collection) in self.snapshot.aws.iter().enumerate() {
            writer.aws(collection, index)?;
        }
        writer.heroku(&self.snapshot.heroku)?;
        match &self.snapshot.manifest {
            Some(manifest) => writer.file("manifest", &value(manifest)?),
            None => Ok(()),
        }
    }
}

struct Writer<'a> {
    directory: &'a Path,
    style: Style,
}

impl Writer<'_> {
    fn aws(&self, collection: &AwsCollection, index: usize) -> Result<(), LaboratoryError> {
        let Value::Object(mut calls) = value(&collection.documents)? else { return Ok(()) };
        let entries = match (calls.get_mut("PrefixLists"), self.style.prefix_lists) {
            (Some(lists), PrefixListForm::Managed) => take_entries(lists),
            (Some(lists), PrefixListForm::WithCidrs) => {
                inline_cidrs(lists);
                Vec::new()
            }
            (None, _) => Vec::new(),
        };
        if self.style.noise {
            noise::aws(&mut calls);
        }
        // Two accounts may have one Region, and one account two.
        let account = ["main", "second", "third"].get(index).copied().unwrap_or("other");
        let region = collection.region.as_ref().map_or("unknown", |region| region.as_str());
        let folder = match self.style.layout {
            Layout::FolderPerRegion => format!("{account}/{region}/"),
            Layout::FilePerCall | Layout::OneFile => String::new(),
        };
        for (id, entries) in entries {
            self.file(&format!("{folder}{id}"), &json!({ "Entries": entries }))?;
        }
        if self.style.layout == Layout::OneFile {
            return self.file(&format!("aws-{account}"), &Value::Object(calls));
        }
        for (key, list) in calls {
            let name = match (self.style.layout, index) {
                (Layout::FilePerCall, 1..) => format!("{}-{account}", kebab(&key)),
                _ => format!("{folder}{}", kebab(&key)),
            };
            let mut document = Map::new();
            document.insert(key, list);
            if self.style.noise {
                document.insert("NextToken".to_owned(), Value::Null);
            }
            self.file(&name, &Value::Object(document))?;
        }
        Ok(())
    }

    fn heroku(&self, documents: &peerscope_document::heroku::HerokuDocuments) -> Result<(), LaboratoryError> {
        let mut space = value(&documents.space)?;
        let mut peerings = value(&documents.peerings)?;
        peerings.as_array_mut().into_iter().flatten().for_each(mask);
        if self.style.noise {
            noise::heroku(&mut space, &mut peerings);
        }
        for (name, document) in [
            ("space", space),
            ("peering-info", value(&documents.peering_info)?),
            ("peerings", peerings),
            ("topology", value(&documents.topology)?),
        ] {
            if !document.is_null() {
                self.file(name, &document)?;
            }
        }
        Ok(())
    }

    fn file(&self, name: &str, document: &Value) -> Result<(), LaboratoryError> {
        let path = self.directory.join(format!("{name}.json"));
        let failed = |source| LaboratoryError::system(format!("write {}", path.display()), source);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        fs::write(&path, format!("{document:#}\n")).map_err(failed)
    }
}

fn value(document: &impl Serialize) -> Result<Value, LaboratoryError> {
    serde_json::to_value(document).map_err(|error| LaboratoryError::system("write a document as JSON", error))
}

/// `RouteTables` becomes `route-tables`.
fn kebab(key: &str) -> String {
    let mut name = String::new();
    for character in key.chars() {
        if character.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.extend(character.to_lowercase());
    }
    name
}

/// Takes the entries out of prefix lists, by the lists' ids.
fn take_entries(lists: &mut Value) -> Vec<(String, Value)> {
    let lists = lists.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut);
    let taken = lists.filter_map(|list| {
        let id = list.get("PrefixListId")?.as_str()?.to_owned();
        Some((id, list.shift_remove("Entries")?))
    });
    taken.collect()
}

/// `describe-prefix-lists` gives neither entries nor an owner, but bare blocks.
fn inline_cidrs(lists: &mut Value) {
    for list in lists.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        let entries = list.shift_remove("Entries");
        list.shift_remove("OwnerId");
        let cidrs =
            entries.iter().filter_map(Value::as_array).flatten().filter_map(|entry| entry.get("Cidr"));
        let cidrs = cidrs.cloned().collect();
        list.insert("Cidrs".to_owned(), Value::Array(cidrs));
    }
}

/// Heroku hides the ids of its own peerings.
fn mask(peering: &mut Value) {
    let Some(peering) = peering.as_object_mut() else { return };
    if !peering.contains_key("pcx_id") {
        for key in ["pcx_id", "aws_vpc_id", "aws_region", "aws_account_id"] {
            peering.insert(key.to_owned(), Value::from("******"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Base, Vary};

    #[test]
    fn keys_become_names_of_files() {
        assert_eq!(kebab("VpcPeeringConnections"), "vpc-peering-connections");
    }

    /// Every file of every style is JSON; together they hold as much as the documents.
    #[test]
    fn every_style_can_be_written() {
        for (seed, layout) in
            (0..).zip([Layout::FilePerCall, Layout::OneFile, Layout::FolderPerRegion].repeat(2))
        {
            let world = World::generate(Base::DynoToVpc, &Vary::ALL, seed);
            let prefix_lists = if seed < 3 { PrefixListForm::Managed } else { PrefixListForm::WithCidrs };
            let directory =
                std::env::temp_dir().join(format!("peerscope-world-{}-{seed}", std::process::id()));
            world.write(&directory, Style { layout, prefix_lists, noise: seed % 2 == 0 }).unwrap();
            let (mut text, mut has_lists) = (String::new(), false);
            let mut folders = vec![directory.clone()];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    if path.is_dir() {
                        folders.push(path);
                    } else {
                        has_lists |= path.file_name().unwrap().to_string_lossy().starts_with("pl-");
                        let file = fs::read_to_string(path).unwrap();
                        serde_json::from_str::<Value>(&file).unwrap();
                        text += &file;
                    }
                }
            }
            fs::remove_dir_all(&directory).unwrap();
            for part in
                [world.role("target").unwrap().id, world.role("peering").unwrap().id, "******".to_owned()]
            {
                assert!(text.contains(&part), "{part}");
            }
            assert!(has_lists == (prefix_lists == PrefixListForm::Managed));
        }
    }

    /// What a user's files hold beside the documents does not change the documents.
    #[test]
    fn noise_is_read_over() {
        let world = World::generate(Base::DynoToVpc, &Vary::ALL, 11);
        for collection in &world.snapshot.aws {
            let Value::Object(mut calls) = value(&collection.documents).unwrap() else { panic!("an object") };
            noise::aws(&mut calls);
            let read: peerscope_document::aws::AwsDocuments =
                serde_json::from_value(Value::Object(calls)).unwrap();
            assert_eq!(read, collection.documents);
        }
    }
}
