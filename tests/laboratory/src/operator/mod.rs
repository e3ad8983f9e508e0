//! The operator: someone who runs the commands that a diagnosis prints, on documents instead of accounts.
//!
//! A printed command is a promise that two services will take it and that packets flow afterwards. The
//! analysis proves its edits on its own model, but what a user pastes is text: an option misspelt, a
//! Region forgotten, an entry's number that is taken are found by nobody who never ran it. Here the text
//! itself is run. What the AWS CLI, the Heroku CLI and the services behind them would refuse is refused,
//! what they would change is changed in a snapshot, and the kernel twin of that snapshot shows the rest.
//!
//! Nothing is passed over: a command, option, id or piece of shell that is not known is an error. What is
//! not played: quotas, permissions and accounts (whoever runs the commands may do everything), the minutes
//! that a request takes to show on Heroku's side, and the state `provisioning`. Where a message of AWS's is
//! not known word for word it is ours; its code is AWS's.
//!
//! ```
//! use peerscope_document::Snapshot;
//! use peerscope_laboratory::operator;
//!
//! let mut snapshot = Snapshot::default();
//! let error = operator::run(&mut snapshot, "aws ec2 delete-route --route-table-id rtb-1").unwrap_err();
//! assert_eq!(error.line, 1);
//! ```

mod connection;
mod error;
mod heroku;
mod network_acl;
mod options;
mod peering;
mod places;
mod ports;
mod route;
mod security_group;
mod shell;
mod shorthand;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use peerscope_document::Snapshot;

pub use error::{OperatorError, Refusal};

use shell::{Command, Part, Word};

/// Runs commands as they stand in a fix, one after the other, and changes the snapshot as the services
/// would change what it describes. `commands` is one shell: a variable that an earlier line assigns is
/// known to the later ones.
///
/// # Errors
/// [`OperatorError`] for the first command that cannot be run. As in a shell that stops there, what the
/// commands before it changed stays changed; where the text is no shell at all, nothing is changed.
pub fn run(snapshot: &mut Snapshot, commands: &str) -> Result<(), OperatorError> {
    let (commands, wrong) = shell::read(commands);
    if let Some(first) = wrong.into_iter().next() {
        return Err(first);
    }
    let mut session = Session::new(snapshot);
    commands.iter().try_for_each(|command| session.step(command))
}

/// The same for who wants to hear everything at once: goes on behind a command that cannot be run, as if it had not
/// been written. What uses the output of such a one is neither run nor accused.
///
/// # Errors
/// Every command that cannot be run, by line. The others have changed the snapshot.
pub fn run_all(snapshot: &mut Snapshot, commands: &str) -> Result<(), Vec<OperatorError>> {
    let (commands, mut wrong) = shell::read(commands);
    let mut session = Session::new(snapshot);
    for command in &commands {
        if session.needs_what_failed(command) {
            session.give_up(command);
            continue;
        }
        if let Err(error) = session.step(command) {
            session.give_up(command);
            wrong.push(error);
        }
    }
    wrong.sort_by_key(|error| error.line);
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// What a command writes to its standard output: `None` where that is more than this operator writes.
type Printed = Option<String>;

struct Session<'s> {
    snapshot: &'s mut Snapshot,
    variables: BTreeMap<String, String>,
    /// Variables that would have a value, had its command not failed.
    failed: BTreeSet<String>,
}

impl<'s> Session<'s> {
    fn new(snapshot: &'s mut Snapshot) -> Self {
        Self { snapshot, variables: BTreeMap::new(), failed: BTreeSet::new() }
    }

    /// Whether any word of a command is the value of a variable that has none since its command failed.
    fn needs_what_failed(&self, command: &Command) -> bool {
        command.words.iter().flat_map(|word| &word.parts).any(|part| match part {
            Part::Text(_) => false,
            Part::Variable(name) => self.failed.contains(name),
            Part::Output(inner) => self.needs_what_failed(inner),
        })
    }

    /// Notes what a command that was not run would have assigned.
    fn give_up(&mut self, command: &Command) {
        for name in command.words.iter().filter_map(|word| word.assigns.as_ref()) {
            self.variables.remove(name);
            self.failed.insert(name.clone());
        }
    }

    fn step(&mut self, command: &Command) -> Result<(), OperatorError> {
        if let [Word { assigns: Some(name), parts }] = command.words.as_slice() {
            let value = self.expand(command, parts)?;
            self.failed.remove(name);
            self.variables.insert(name.clone(), value);
            return Ok(());
        }
        self.perform(command).map(|_| ())
    }

    fn perform(&mut self, command: &Command) -> Result<Printed, OperatorError> {
        let mut words = Vec::new();
        for word in &command.words {
            if let Some(name) = &word.assigns {
                let what = format!("the assignment {name}= before a command is not played");
                return Err(OperatorError::new(command, Refusal::Shell(what)));
            }
            words.push(self.expand(command, &word.parts)?);
        }
        perform(self.snapshot, &words).map_err(|refusal| OperatorError {
            line: command.line,
            command: words.join(" "),
            refusal,
        })
    }

    fn expand(&mut self, command: &Command, parts: &[Part]) -> Result<String, OperatorError> {
        let refuse = |what: String| OperatorError::new(command, Refusal::Shell(what));
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Variable(name) => match self.variables.get(name) {
                    Some(value) => text.push_str(value),
                    None => return Err(refuse(format!("the variable {name} was never set"))),
                },
                Part::Output(inner) => match self.perform(inner)? {
                    Some(printed) => text.push_str(printed.trim_end_matches('\n')),
                    None => return Err(refuse("its $(…) prints a document, not a word".to_owned())),
                },
            }
        }
        Ok(text)
    }
}

/// Runs one command of either tool.
fn perform(snapshot: &mut Snapshot, words: &[String]) -> Result<Printed, Refusal> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["aws", "ec2", operation, arguments @ ..] => {
            perform_among(AWS, "aws ec2 ", snapshot, operation, arguments)
        }
        ["heroku", command, arguments @ ..] => perform_among(HEROKU, "heroku ", snapshot, command, arguments),
        ["aws" | "heroku"] => Err(Refusal::usage("a tool without a command")),
        ["aws", other, ..] => {
            Err(Refusal::usage(format!("the command aws {other} is not known here, expected aws ec2")))
        }
        [other, ..] => {
            Err(Refusal::usage(format!("the program {other} is not known here, expected aws ec2 or heroku")))
        }
        [] => Err(Refusal::usage("an empty command")),
    }
}

/// What a command of a tool does.
type Operation = fn(&mut Snapshot, &[&str]) -> Result<Printed, Refusal>;

/// What is known of `aws ec2`.
const AWS: &[(&str, Operation)] = &[
    ("create-route", route::create),
    ("replace-route", route::replace),
    ("delete-route", route::delete),
    ("authorize-security-group-ingress", |snapshot, words| security_group::authorize(snapshot, true, words)),
    ("authorize-security-group-egress", |snapshot, words| security_group::authorize(snapshot, false, words)),
    ("revoke-security-group-ingress", |snapshot, words| security_group::revoke(snapshot, true, words)),
    ("revoke-security-group-egress", |snapshot, words| security_group::revoke(snapshot, false, words)),
    ("create-network-acl-entry", network_acl::create),
    ("replace-network-acl-entry", network_acl::replace),
    ("delete-network-acl-entry", network_acl::delete),
    ("create-vpc-peering-connection", peering::create),
    ("accept-vpc-peering-connection", peering::accept),
    ("delete-vpc-peering-connection", peering::delete),
];

/// What is known of `heroku`.
const HEROKU: &[(&str, Operation)] =
    &[("spaces:peerings:accept", heroku::accept), ("spaces:peerings:destroy", heroku::destroy)];

fn perform_among(
    known: &[(&str, Operation)],
    tool: &str,
    snapshot: &mut Snapshot,
    name: &str,
    arguments: &[&str],
) -> Result<Printed, Refusal> {
    let operation = known.iter().find(|(known, _)| *known == name).map(|(_, operation)| operation);
    let operation = operation.ok_or_else(|| {
        let known: Vec<&str> = known.iter().map(|(known, _)| *known).collect();
        Refusal::usage(format!(
            "the operation {tool}{name} is not known here, expected one of {}",
            known.join(", ")
        ))
    })?;
    operation(snapshot, arguments)
}
