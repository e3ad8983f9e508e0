//! `heroku spaces:peerings:accept` and `heroku spaces:peerings:destroy`.

use peerscope_document::Snapshot;
use peerscope_document::aws::PeeringStatusCode;
use peerscope_document::heroku::PeeringType;

use super::Printed;
use super::connection::{Connection, set_status};
use super::error::Refusal;
use super::options::{Form, Options};
use super::peering::activate;

const NAMES: [&str; 4] = ["--space", "-s", "--pcxid", "-p"];
const ACCEPT_FORM: Form = Form { flags: &[], values: &[&NAMES], lists: &[], positional: 1 };
const DESTROY_FORM: Form =
    Form { flags: &[], values: &[&NAMES, &["--confirm", "-c"]], lists: &[], positional: 1 };

pub(super) fn accept(snapshot: &mut Snapshot, arguments: &[&str]) -> Result<Printed, Refusal> {
    let options = Options::read(&ACCEPT_FORM, arguments)?;
    let id = listed(snapshot, &options)?;
    let status = Connection::find(snapshot, id)?.status;
    if status != Some(PeeringStatusCode::PendingAcceptance) {
        let status = status.as_ref().map_or("of an unknown status", PeeringStatusCode::as_str);
        return Err(Refusal::service("invalid_params", format!("The peering {id} is {status}, not pending")));
    }
    activate(snapshot, id);
    Ok(Some(format!("Accepting and configuring peering connection {id}\n")))
}

pub(super) fn destroy(snapshot: &mut Snapshot, arguments: &[&str]) -> Result<Printed, Refusal> {
    let options = Options::read(&DESTROY_FORM, arguments)?;
    let id = listed(snapshot, &options)?;
    match options.get("--confirm").or_else(|| options.get("-c")) {
        Some(confirmed) if confirmed == id => {}
        Some(other) => return Err(Refusal::usage(format!("Confirmation {other} did not match {id}"))),
        // The tool would ask, and a pasted script waits for ever.
        None => return Err(Refusal::usage("the option --confirm is required")),
    }
    let connection = Connection::find(snapshot, id)?;
    if !connection.is_alive() {
        let status = connection.status.as_ref().map_or("of an unknown status", PeeringStatusCode::as_str);
        return Err(Refusal::service("invalid_params", format!("The peering {id} is {status} already")));
    }
    set_status(snapshot, id, &PeeringStatusCode::Deleted);
    Ok(Some(String::new()))
}

/// The peering that was named, which must be a customer's on the list of the space that was named.
fn listed<'w>(snapshot: &Snapshot, options: &Options<'w>) -> Result<&'w str, Refusal> {
    let named = options.get("--space").or_else(|| options.get("-s"));
    let named = named.ok_or_else(|| Refusal::usage("the option --space is required"))?;
    let space = snapshot.heroku.space.as_ref();
    let is_space =
        space.is_some_and(|space| [&space.name, &space.id].into_iter().flatten().any(|known| known == named));
    if !is_space {
        return Err(Refusal::service("not_found", format!("Couldn't find the space {named}")));
    }
    let id = options.positional().or_else(|| options.get("--pcxid")).or_else(|| options.get("-p"));
    let id = id.ok_or_else(|| Refusal::usage("a peering's id is required"))?;
    let mut peerings = snapshot.heroku.peerings.iter().flatten();
    let peering = peerings.find(|it| it.pcx_id.as_ref().is_some_and(|known| known.as_str() == id));
    match peering.map(|it| &it.peering_type) {
        None => Err(Refusal::service("not_found", format!("Couldn't find the peering {id} of {named}"))),
        // A customer's peering is shown as unknown too, for a while.
        Some(None | Some(PeeringType::CustomerManaged | PeeringType::Unknown)) => Ok(id),
        Some(Some(kind)) => Err(Refusal::service("forbidden", format!("The peering {id} is {kind}"))),
    }
}
