//! What a JSON object is, by its keys.
//!
//! The keys are enough, and the only thing that all ways of saving a document have in common. A rule
//! asks for the keys that carry the meaning, not only for an id: a projection such as
//! `--query 'SecurityGroups[].{GroupId:GroupId}'` must not pass for groups without rules.

use super::lists::List;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The output of `describe-*`: lists by their names.
    AwsLists,
    /// An element of one of these lists by itself, from `--query`.
    Element(List),
    /// An element of a reservation, from `--query 'Reservations[].Instances[]'`.
    Instance,
    Space,
    PeeringInfo,
    Topology,
    SpaceNat,
    VpnConnection,
    /// An app, from `GET /apps/{id}`.
    App,
    /// A region of Heroku's, from `GET /regions/{name}`.
    Region,
    /// `manifest.json` of `peerscope collect`.
    Manifest,
}

macro_rules! keys {
    ($($key:ident = $name:literal,)+) => {
        /// A key that says something about the object it is in.
        #[derive(Clone, Copy, Debug)]
        pub(super) enum Key { $($key,)+ }

        const _: () = assert!([$(Key::$key,)+].len() <= 128, "Keys has a bit for each");

        impl Key {
            /// The key of a name, if it is one of these.
            pub(super) fn of(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$key),)+
                    _ => None,
                }
            }
        }
    };
}

keys! {
    Vpcs = "Vpcs",
    Subnets = "Subnets",
    RouteTables = "RouteTables",
    SecurityGroups = "SecurityGroups",
    SecurityGroupRules = "SecurityGroupRules",
    NetworkAcls = "NetworkAcls",
    VpcPeeringConnections = "VpcPeeringConnections",
    NetworkInterfaces = "NetworkInterfaces",
    Reservations = "Reservations",
    PrefixLists = "PrefixLists",
    Entries = "Entries",
    InternetGateways = "InternetGateways",
    EgressOnlyInternetGateways = "EgressOnlyInternetGateways",
    NatGateways = "NatGateways",
    TransitGateways = "TransitGateways",
    TransitGatewayAttachments = "TransitGatewayAttachments",
    TransitGatewayVpcAttachments = "TransitGatewayVpcAttachments",
    TransitGatewayRouteTables = "TransitGatewayRouteTables",
    SecurityGroupVpcAssociations = "SecurityGroupVpcAssociations",
    VpcEndpoints = "VpcEndpoints",
    VpnGateways = "VpnGateways",
    VpcAttributes = "VpcAttributes",
    DBInstances = "DBInstances",
    DBClusters = "DBClusters",
    LoadBalancers = "LoadBalancers",
    Listeners = "Listeners",
    TargetGroups = "TargetGroups",
    TargetGroupHealth = "TargetGroupHealth",
    NextToken = "NextToken",
    VpcId = "VpcId",
    SubnetId = "SubnetId",
    RouteTableId = "RouteTableId",
    GroupId = "GroupId",
    NetworkAclId = "NetworkAclId",
    VpcPeeringConnectionId = "VpcPeeringConnectionId",
    NetworkInterfaceId = "NetworkInterfaceId",
    InstanceId = "InstanceId",
    ReservationId = "ReservationId",
    PrefixListId = "PrefixListId",
    AllocationId = "AllocationId",
    NatGatewayId = "NatGatewayId",
    InternetGatewayId = "InternetGatewayId",
    EgressOnlyInternetGatewayId = "EgressOnlyInternetGatewayId",
    TransitGatewayId = "TransitGatewayId",
    TransitGatewayAttachmentId = "TransitGatewayAttachmentId",
    TransitGatewayRouteTableId = "TransitGatewayRouteTableId",
    VpcEndpointId = "VpcEndpointId",
    VpnGatewayId = "VpnGatewayId",
    Attachments = "Attachments",
    VpcAttachments = "VpcAttachments",
    ResourceType = "ResourceType",
    Options = "Options",
    NatGatewayAddresses = "NatGatewayAddresses",
    ServiceName = "ServiceName",
    EnableDnsSupport = "EnableDnsSupport",
    EnableDnsHostnames = "EnableDnsHostnames",
    DBInstanceIdentifier = "DBInstanceIdentifier",
    DBInstanceStatus = "DBInstanceStatus",
    Endpoint = "Endpoint",
    DBClusterIdentifier = "DBClusterIdentifier",
    DBClusterMembers = "DBClusterMembers",
    ReaderEndpoint = "ReaderEndpoint",
    LoadBalancerArn = "LoadBalancerArn",
    DNSName = "DNSName",
    ListenerArn = "ListenerArn",
    TargetGroupArn = "TargetGroupArn",
    TargetGroupName = "TargetGroupName",
    TargetType = "TargetType",
    TargetHealthDescriptions = "TargetHealthDescriptions",
    CidrBlock = "CidrBlock",
    CidrBlockAssociationSet = "CidrBlockAssociationSet",
    Ipv6CidrBlockAssociationSet = "Ipv6CidrBlockAssociationSet",
    Routes = "Routes",
    IpPermissions = "IpPermissions",
    IpPermissionsEgress = "IpPermissionsEgress",
    IsEgress = "IsEgress",
    IpProtocol = "IpProtocol",
    CidrIpv4 = "CidrIpv4",
    CidrIpv6 = "CidrIpv6",
    ReferencedGroupInfo = "ReferencedGroupInfo",
    AccepterVpcInfo = "AccepterVpcInfo",
    RequesterVpcInfo = "RequesterVpcInfo",
    Status = "Status",
    Groups = "Groups",
    PrivateIpAddress = "PrivateIpAddress",
    PrivateIpAddresses = "PrivateIpAddresses",
    ImageId = "ImageId",
    Instances = "Instances",
    PrefixListName = "PrefixListName",
    Cidrs = "Cidrs",
    Cidr = "Cidr",
    Description = "Description",
    PcxId = "pcx_id",
    DynoCidrBlocks = "dyno_cidr_blocks",
    SpaceCidrBlocks = "space_cidr_blocks",
    UnavailableCidrBlocks = "unavailable_cidr_blocks",
    VpcCidr = "vpc_cidr",
    Apps = "apps",
    Version = "version",
    SpaceCidr = "cidr",
    DataCidr = "data_cidr",
    State = "state",
    Team = "team",
    Shield = "shield",
    Sources = "sources",
    CreatedAt = "created_at",
    UpdatedAt = "updated_at",
    Tunnels = "tunnels",
    RoutableCidrs = "routable_cidrs",
    SpaceCidrBlock = "space_cidr_block",
    InternalRouting = "internal_routing",
    Provider = "provider",
    PrivateCapable = "private_capable",
    Country = "country",
    Locale = "locale",
    Name = "name",
}

/// The keys of an object.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Keys {
    known: u128,
    /// Whether there is a key in AWS's style (`LoadBalancerArn`) with a single value. Lists of
    /// resources have none; elements of other services' lists do, beside `SecurityGroups` or
    /// `Subnets` of their own.
    pub(super) has_foreign: bool,
}

impl Keys {
    pub(super) fn insert(&mut self, key: Key) {
        self.known |= bit(key);
    }

    pub(super) fn has(self, key: Key) -> bool {
        self.known & bit(key) != 0
    }
}

const fn bit(key: Key) -> u128 {
    1 << key as u32
}

/// An object with all of some keys, one of others (if any are named), none of the rest, is `form`.
struct Rule {
    form: Form,
    all: &'static [Key],
    any: &'static [Key],
    none: &'static [Key],
}

impl Rule {
    fn holds(&self, keys: Keys) -> bool {
        self.all.iter().all(|&key| keys.has(key))
            && (self.any.is_empty() || self.any.iter().any(|&key| keys.has(key)))
            && !self.none.iter().any(|&key| keys.has(key))
    }
}

/// The form of an object, by the first rule that holds. Elements go before lists: an instance has
/// `NetworkInterfaces`, a network ACL `Entries`.
pub(super) fn form(keys: Keys) -> Option<Form> {
    use Key::*;
    const ANY_ID: &[Key] = &[
        VpcId,
        SubnetId,
        RouteTableId,
        GroupId,
        NetworkAclId,
        NetworkInterfaceId,
        InstanceId,
        AllocationId,
        NatGatewayId,
        PrefixListId,
    ];
    const fn element(list: List, all: &'static [Key], any: &'static [Key], none: &'static [Key]) -> Rule {
        Rule { form: Form::Element(list), all, any, none }
    }
    const fn other(form: Form, all: &'static [Key], any: &'static [Key]) -> Rule {
        Rule { form, all, any, none: &[] }
    }
    const RULES: &[Rule] = &[
        element(
            List::VpcPeeringConnections,
            &[VpcPeeringConnectionId],
            &[AccepterVpcInfo, RequesterVpcInfo, Status],
            &[],
        ),
        element(List::SecurityGroups, &[GroupId], &[IpPermissions, IpPermissionsEgress], &[]),
        element(
            List::SecurityGroupRules,
            &[GroupId, IsEgress, IpProtocol],
            &[CidrIpv4, CidrIpv6, PrefixListId, ReferencedGroupInfo],
            &[],
        ),
        element(List::RouteTables, &[RouteTableId, Routes], &[], &[]),
        element(List::NetworkAcls, &[NetworkAclId, Entries], &[], &[]),
        element(
            List::NetworkInterfaces,
            &[NetworkInterfaceId],
            &[Groups, SubnetId, PrivateIpAddress, PrivateIpAddresses],
            &[AllocationId],
        ),
        Rule {
            form: Form::Instance,
            all: &[InstanceId],
            any: &[NetworkInterfaces, SubnetId, VpcId, ImageId],
            none: &[AllocationId, NetworkInterfaceId],
        },
        element(List::Reservations, &[ReservationId, Instances], &[], &[]),
        element(
            List::Subnets,
            &[SubnetId, VpcId],
            &[CidrBlock, Ipv6CidrBlockAssociationSet],
            &[NatGatewayId, InstanceId, NetworkInterfaceId],
        ),
        element(List::VpcAttributes, &[VpcId], &[EnableDnsSupport, EnableDnsHostnames], &[]),
        element(
            List::Vpcs,
            &[VpcId],
            &[CidrBlock, CidrBlockAssociationSet],
            &[SubnetId, RouteTableId, GroupId, NetworkAclId, NetworkInterfaceId, InstanceId, NatGatewayId],
        ),
        element(List::InternetGateways, &[InternetGatewayId, Attachments], &[], &[]),
        element(List::EgressOnlyInternetGateways, &[EgressOnlyInternetGatewayId, Attachments], &[], &[]),
        element(List::NatGateways, &[NatGatewayId, NatGatewayAddresses], &[], &[]),
        element(
            List::TransitGatewayAttachments,
            &[TransitGatewayId, TransitGatewayAttachmentId, ResourceType],
            &[],
            &[],
        ),
        element(
            List::TransitGatewayVpcAttachments,
            &[TransitGatewayId, TransitGatewayAttachmentId, VpcId],
            &[],
            &[],
        ),
        element(
            List::TransitGateways,
            &[TransitGatewayId, Options],
            &[],
            &[TransitGatewayAttachmentId, TransitGatewayRouteTableId],
        ),
        element(List::VpcEndpoints, &[VpcEndpointId, ServiceName], &[], &[]),
        element(List::VpnGateways, &[VpnGatewayId, VpcAttachments], &[], &[]),
        element(List::DBInstances, &[DBInstanceIdentifier], &[DBInstanceStatus, Endpoint], &[]),
        element(List::DBClusters, &[DBClusterIdentifier], &[DBClusterMembers, ReaderEndpoint], &[]),
        element(List::Listeners, &[ListenerArn, LoadBalancerArn], &[], &[]),
        element(List::LoadBalancers, &[LoadBalancerArn, DNSName], &[], &[]),
        // The answer of `describe-target-health` has no other key.
        element(List::TargetGroupHealth, &[TargetHealthDescriptions], &[], &[]),
        element(List::TargetGroups, &[TargetGroupArn], &[TargetGroupName, TargetType], &[]),
        element(List::PrefixLists, &[PrefixListId], &[PrefixListName, Cidrs, Entries], &[VpcId]),
        other(Form::Element(List::HerokuPeerings), &[PcxId], &[]),
        other(Form::PeeringInfo, &[], &[DynoCidrBlocks, SpaceCidrBlocks, UnavailableCidrBlocks, VpcCidr]),
        other(Form::VpnConnection, &[], &[Tunnels, RoutableCidrs, SpaceCidrBlock]),
        other(Form::SpaceNat, &[Sources], &[State, CreatedAt, UpdatedAt]),
        other(Form::Topology, &[Apps, Version], &[]),
        other(Form::App, &[InternalRouting, Name], &[]),
        other(Form::Space, &[SpaceCidr], &[DataCidr, State, Team, Shield]),
        other(Form::Region, &[Provider, Name], &[PrivateCapable, Country, Locale]),
    ];
    // Lists that no other service names so.
    const OWN_LISTS: Rule = other(
        Form::AwsLists,
        &[],
        &[
            Vpcs,
            RouteTables,
            SecurityGroupRules,
            NetworkAcls,
            VpcPeeringConnections,
            Reservations,
            PrefixLists,
            InternetGateways,
            EgressOnlyInternetGateways,
            NatGateways,
            TransitGateways,
            TransitGatewayAttachments,
            TransitGatewayVpcAttachments,
            // Recognised, and nothing of them is needed: what decides stands elsewhere too.
            TransitGatewayRouteTables,
            SecurityGroupVpcAssociations,
            VpcEndpoints,
            VpnGateways,
            VpcAttributes,
            DBInstances,
            DBClusters,
            LoadBalancers,
            Listeners,
            TargetGroups,
            TargetGroupHealth,
        ],
    );
    // Load balancers, database subnet groups and others have such lists among their fields.
    const SHARED_LISTS: &[Rule] = &[
        Rule {
            form: Form::AwsLists,
            all: &[],
            any: &[Subnets, SecurityGroups, NetworkInterfaces, Entries],
            none: &[LoadBalancerArn, DNSName, DBInstanceIdentifier, DBClusterIdentifier],
        },
        element(List::Entries, &[Cidr], &[], ANY_ID),
    ];
    let shared = if keys.has_foreign { &[] } else { SHARED_LISTS };
    RULES.iter().chain([&OWN_LISTS]).chain(shared).find(|rule| rule.holds(keys)).map(|rule| rule.form)
}
