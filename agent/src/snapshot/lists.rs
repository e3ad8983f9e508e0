//! The lists of documents, each named once: a kind that is added here is read wherever documents are.

use peerscope_document::aws::AwsDocuments;
use serde::de::{IgnoredAny, MapAccess};
use serde::{Deserialize, Deserializer};

macro_rules! lists {
    ($($list:ident = $field:ident,)+) => {
        /// The lists of `aws … describe-*` by their keys, and Heroku's lists.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum List {
            $($list,)+
            /// `get-managed-prefix-list-entries`
            Entries,
            /// Heroku's peerings, which have no key.
            HerokuPeerings,
            /// Heroku's VPN connections, which have none either.
            HerokuVpnConnections,
        }

        /// A key of an object that holds lists.
        #[derive(Deserialize)]
        #[serde(field_identifier)]
        pub(super) enum ListKey {
            $($list,)+
            Entries,
            #[serde(other)]
            Other,
        }

        impl ListKey {
            /// Reads the list that the key is for into `aws`. Entries are not AWS's to hold: they are the
            /// caller's, as is what follows any other key.
            pub(super) fn read<'de, A>(self, aws: &mut AwsDocuments, members: &mut A) -> Result<(), A::Error>
            where
                A: MapAccess<'de>,
            {
                match self {
                    $(Self::$list => list(&mut aws.$field, members),)+
                    Self::Entries | Self::Other => members.next_value::<IgnoredAny>().map(|_| ()),
                }
            }
        }

        impl List {
            /// Makes the list one that is there, if without elements.
            pub(super) fn add_empty(self, aws: &mut AwsDocuments) {
                match self {
                    $(Self::$list => extend(&mut aws.$field, []),)+
                    Self::Entries | Self::HerokuPeerings | Self::HerokuVpnConnections => {}
                }
            }

            /// Reads one element of the list.
            pub(super) fn push<'de, D>(self, aws: &mut AwsDocuments, deserializer: D) -> Result<(), D::Error>
            where
                D: Deserializer<'de>,
            {
                match self {
                    $(Self::$list => push(&mut aws.$field, deserializer),)+
                    Self::Entries | Self::HerokuPeerings | Self::HerokuVpnConnections => {
                        deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ())
                    }
                }
            }
        }

        /// Removes from older documents the kinds that newer ones of the same account and Region have.
        pub(crate) fn remove_kinds_of(newer: &AwsDocuments, older: &mut AwsDocuments) {
            $(if newer.$field.is_some() {
                older.$field = None;
            })+
        }

        /// Adds the documents of one file to those of another.
        pub(super) fn merge(into: &mut AwsDocuments, from: AwsDocuments) {
            let AwsDocuments { $($field,)+ } = from;
            $(append(&mut into.$field, $field);)+
        }
    };
}

lists! {
    Vpcs = vpcs,
    Subnets = subnets,
    RouteTables = route_tables,
    SecurityGroups = security_groups,
    SecurityGroupRules = security_group_rules,
    NetworkAcls = network_acls,
    VpcPeeringConnections = vpc_peering_connections,
    NetworkInterfaces = network_interfaces,
    Reservations = reservations,
    PrefixLists = prefix_lists,
    InternetGateways = internet_gateways,
    EgressOnlyInternetGateways = egress_only_internet_gateways,
    NatGateways = nat_gateways,
    TransitGateways = transit_gateways,
    TransitGatewayAttachments = transit_gateway_attachments,
    TransitGatewayVpcAttachments = transit_gateway_vpc_attachments,
    VpcEndpoints = vpc_endpoints,
    VpnGateways = vpn_gateways,
    VpcAttributes = vpc_attributes,
    DBInstances = db_instances,
    DBClusters = db_clusters,
    LoadBalancers = load_balancers,
    Listeners = listeners,
    TargetGroups = target_groups,
    TargetGroupHealth = target_group_health,
}

/// Adds elements to a list, which is there from now on even if there are none.
pub(super) fn extend<T>(list: &mut Option<Vec<T>>, elements: impl IntoIterator<Item = T>) {
    list.get_or_insert_default().extend(elements);
}

/// Reads one more element of a list.
pub(super) fn push<'de, D, T>(list: &mut Option<Vec<T>>, deserializer: D) -> Result<(), D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    extend(list, [T::deserialize(deserializer)?]);
    Ok(())
}

/// Reads a list; null says nothing, as if the key were absent.
fn list<'de, A, T>(list: &mut Option<Vec<T>>, members: &mut A) -> Result<(), A::Error>
where
    A: MapAccess<'de>,
    T: Deserialize<'de>,
{
    match (members.next_value::<Option<Vec<T>>>()?, list.as_mut()) {
        (Some(elements), Some(list)) => list.extend(elements),
        (Some(elements), None) => *list = Some(elements),
        (None, _) => {}
    }
    Ok(())
}

fn append<T>(into: &mut Option<Vec<T>>, from: Option<Vec<T>>) {
    match (into.as_mut(), from) {
        (Some(into), Some(from)) => into.extend(from),
        (None, from) => *into = from,
        (Some(_), None) => {}
    }
}
