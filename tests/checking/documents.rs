//! The snapshot that rules are broken in: the database of orders, mended, so that every rule is kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/documents/orders-db");

/// The documents of a snapshot by their files.
pub(crate) struct Documents(BTreeMap<String, Value>);

impl Documents {
    pub(crate) fn healthy() -> Self {
        let mut documents = BTreeMap::new();
        for (folder, prefix) in [(EXAMPLE.to_string(), ""), (format!("{EXAMPLE}/us-east-1"), "aws/")] {
            for entry in fs::read_dir(folder).expect("the example") {
                let path = entry.expect("an entry").path();
                if path.extension().is_some_and(|extension| extension == "json") {
                    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
                    let text = fs::read_to_string(&path).expect("a document");
                    documents.insert(format!("{prefix}{name}"), serde_json::from_str(&text).expect("JSON"));
                }
            }
        }
        let mut documents = Self(documents);
        documents.0.insert(
            "nat.json".to_string(),
            json!({"state": "enabled", "sources": ["203.0.113.7", "203.0.113.8"]}),
        );
        documents.add(
            "aws/route-tables.json",
            "/RouteTables/1/Routes",
            json!({
                "DestinationCidrBlock": "10.0.0.0/16",
                "VpcPeeringConnectionId": "pcx-0111aaa111aaa1111",
                "Origin": "CreateRoute",
                "State": "active"
            }),
        );
        documents.add(
            "aws/security-groups.json",
            "/SecurityGroups/0/IpPermissions/0/IpRanges",
            json!({"CidrIp": "10.0.144.0/20"}),
        );
        documents
    }

    /// A value to be changed.
    pub(crate) fn at(&mut self, file: &str, pointer: &str) -> &mut Value {
        let document = self.0.get_mut(file).unwrap_or_else(|| panic!("{file}"));
        document.pointer_mut(pointer).unwrap_or_else(|| panic!("{file}{pointer}"))
    }

    pub(crate) fn set(&mut self, file: &str, pointer: &str, value: Value) {
        *self.at(file, pointer) = value;
    }

    /// Adds to a list.
    pub(crate) fn add(&mut self, file: &str, pointer: &str, value: Value) {
        self.at(file, pointer).as_array_mut().unwrap_or_else(|| panic!("{file}{pointer}")).push(value);
    }

    /// Adds a file.
    pub(crate) fn insert(&mut self, file: &str, document: Value) {
        self.0.insert(file.to_string(), document);
    }

    pub(crate) fn remove(&mut self, file: &str) {
        assert!(self.0.remove(file).is_some(), "{file}");
    }

    pub(crate) fn write(&self, folder: &Path) {
        for (file, document) in &self.0 {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, document.to_string()).expect("a file");
        }
    }
}
