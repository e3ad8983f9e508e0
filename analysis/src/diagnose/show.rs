//! Components as the report shows them.

use crate::report::Component;
use crate::topology::{ComponentId, Topology};

/// The component with its name, Region and account, as far as they are known.
pub(super) fn component(topology: Option<&Topology>, id: &ComponentId) -> Component {
    let ownership = topology.map(|topology| topology.ownership(id)).unwrap_or_default();
    let space = topology.and_then(Topology::space);
    let shown_id = match id {
        ComponentId::Space => space.and_then(|space| space.name.clone().or_else(|| space.id.clone())),
        other => other.id(),
    };
    Component {
        component_type: id.component_type(),
        id: shown_id,
        name: ownership.name,
        region: ownership.region.map(|region| region.as_str().into()),
        account: ownership.account.map(|account| account.as_str().into()),
    }
}
