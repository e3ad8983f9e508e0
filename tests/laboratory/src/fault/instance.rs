//! The customer's interface on an instance that is stopped: documents say so.

use peerscope_document::aws::{Attachment, Instance, InstanceState, InstanceStateName, Reservation};

use super::edit::{Lacking, documents, interface_documents};
use crate::twin::Condition;
use crate::world::make::named;
use crate::world::{Lot, World};

pub(super) fn stop(world: &mut World, lot: &mut Lot) -> Lacking<()> {
    if world.site.requests_leave() {
        return Err("an instance that is asked".to_owned());
    }
    let id = world.site.interface.clone();
    let stopped = Some(InstanceState { name: Some(InstanceStateName::Stopped) });
    let mut is_stopped = false;
    for documents in documents(&mut world.snapshot) {
        let instances = documents.reservations.iter_mut().flatten().flat_map(|it| &mut it.instances);
        for instance in instances {
            if instance.network_interfaces.iter().any(|it| it.network_interface_id == id) {
                instance.state = stopped.clone();
                is_stopped = true;
            }
        }
    }
    if !is_stopped {
        give_instance(world, lot, stopped)?;
    }
    world.conditions.push((world.target(), Condition::Silent));
    Ok(())
}

/// Makes the interface, which was a managed database's, that of an instance in this state.
fn give_instance(world: &mut World, lot: &mut Lot, state: Option<InstanceState>) -> Lacking<()> {
    let (id, owner) = (world.site.interface.clone(), world.site.owner.clone());
    let instance = lot.id("i");
    let mut attached = None;
    for interface in interface_documents(&mut world.snapshot, &id) {
        interface.description = Some(String::new());
        interface.attachment = Some(Attachment {
            instance_id: Some(instance.clone().into()),
            status: Some("attached".to_owned()),
        });
        attached = Some(interface.clone());
    }
    let interface = attached.ok_or("the interface")?;
    let instance = Instance {
        instance_id: instance.into(),
        state,
        subnet_id: interface.subnet_id.clone(),
        vpc_id: interface.vpc_id.clone(),
        private_ip_address: interface.private_ip_address,
        network_interfaces: vec![interface],
        tags: named("orders-db"),
    };
    let own = documents(&mut world.snapshot).find(|documents| {
        documents.network_interfaces.iter().flatten().any(|it| it.network_interface_id == id)
    });
    let reservations = own.ok_or("the interface's documents")?.reservations.get_or_insert_default();
    reservations.push(Reservation { owner_id: Some(owner), instances: vec![instance] });
    Ok(())
}
