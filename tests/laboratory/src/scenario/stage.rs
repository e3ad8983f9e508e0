//! A world on stage: its twin stands and its service runs.

use crate::enclosure::Enclosure;
use crate::error::LaboratoryError;
use crate::twin::{DrainingQueue, FullQueue, Host, Listener, ListenerKind, Twin};
use crate::world::{Scheme, Service, World};

/// A world with its twin. Everything of it goes when this is dropped.
#[derive(Debug)]
pub struct Stage<'e> {
    // Closed before the twin goes.
    listener: Option<Listener>,
    _full: Option<FullQueue>,
    _draining: Option<DrainingQueue>,
    /// The twin.
    pub twin: Twin<'e>,
    /// The world.
    pub world: World,
}

impl<'e> Stage<'e> {
    /// Builds the twin of a world, imposes its conditions and starts what listens on its target.
    ///
    /// # Errors
    /// [`LaboratoryError`] where the twin cannot be built or the port is taken.
    pub fn set(enclosure: &'e Enclosure, world: World) -> Result<Self, LaboratoryError> {
        let twin = Twin::build(enclosure, &world.snapshot, &world.dynos())?;
        Self::furnish(twin, world)
    }

    /// The same with the hosts of the world's flow alone, the dynos and those that have conditions
    /// ([`Twin::build_lean`]).
    ///
    /// # Errors
    /// As [`Stage::set`].
    pub fn set_lean(enclosure: &'e Enclosure, world: World) -> Result<Self, LaboratoryError> {
        let dynos = world.dynos();
        let mut hosts = vec![world.source(), world.target()];
        hosts.extend(dynos.iter().copied().map(Host::Dyno));
        hosts.extend(world.conditions.iter().map(|(host, _)| host.clone()));
        let twin = Twin::build_lean(enclosure, &world.snapshot, &dynos, &hosts)?;
        Self::furnish(twin, world)
    }

    fn furnish(mut twin: Twin<'e>, world: World) -> Result<Self, LaboratoryError> {
        for (host, condition) in &world.conditions {
            twin.impose(host, condition.clone())?;
        }
        let listener = match world.service {
            Service::Listening => Some(ListenerKind::Silent),
            Service::Answering => {
                let answer = world.scheme.map(Scheme::answer).unwrap_or_default();
                Some(ListenerKind::Replying(answer.to_vec()))
            }
            Service::Closing => Some(ListenerKind::Closing),
            Service::Full | Service::Draining | Service::Closed => None,
        };
        let (target, port) = (world.target(), world.target_address().port());
        let listener = listener.map(|kind| twin.listen(&target, port, kind)).transpose()?;
        let full = (world.service == Service::Full).then(|| twin.fill_queue(&target, port)).transpose()?;
        let draining =
            (world.service == Service::Draining).then(|| twin.drain_queue(&target, port)).transpose()?;
        Ok(Self { listener, _full: full, _draining: draining, twin, world })
    }

    /// What listens on the target, where anything does.
    #[must_use]
    pub fn listener(&self) -> Option<&Listener> {
        self.listener.as_ref()
    }

    /// The host that connections come from.
    #[must_use]
    pub fn source(&self) -> Host {
        self.world.source()
    }
}
