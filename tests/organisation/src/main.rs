//! Writes a synthetic organisation as the files that `aws ec2 describe-*` and Heroku's CLI would have given.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use peerscope_organisation::{Size, organisation};
use serde_json::Value;

const USAGE: &str = "usage: peerscope-organisation -o DIR [--interfaces N] [--groups N] [--rules N] [--vpcs N] [--peerings N] [--seed N]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match read(&arguments).and_then(|(size, seed, folder)| {
        write(&size, seed, &folder).map_err(|error| format!("{}: {error}", folder.display()))
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

fn read(arguments: &[String]) -> Result<(Size, u64, PathBuf), String> {
    let mut size = Size::LARGE;
    let (mut seed, mut folder) = (1, None);
    let mut given = arguments.iter();
    while let Some(name) = given.next() {
        let value = given.next().ok_or(USAGE)?;
        let number = || value.parse::<usize>().map_err(|_| format!("{name} {value}: expected a number"));
        match name.as_str() {
            "-o" => folder = Some(PathBuf::from(value)),
            "--interfaces" => size.interfaces = number()?,
            "--groups" => size.groups = number()?,
            "--rules" => size.rules = number()?,
            "--vpcs" => size.vpcs = number()?,
            "--peerings" => size.peerings = number()?,
            "--seed" => seed = number()? as u64,
            _ => return Err(USAGE.to_string()),
        }
    }
    Ok((size, seed, folder.ok_or(USAGE)?))
}

fn write(size: &Size, seed: u64, folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let snapshot = organisation(size, seed);
    for collection in &snapshot.aws {
        let documents = serde_json::to_value(&collection.documents)?;
        for (key, list) in documents.as_object().into_iter().flatten() {
            let document = Value::from_iter([(key.clone(), list.clone())]);
            fs::write(folder.join(format!("{key}.json")), serde_json::to_vec(&document)?)?;
        }
    }
    fs::write(folder.join("space.json"), serde_json::to_vec(&snapshot.heroku.space)?)?;
    fs::write(folder.join("peering-info.json"), serde_json::to_vec(&snapshot.heroku.peering_info)?)
}
