//! One account in one Region: first its VPCs and peerings, which say what belongs to the matter, then all the rest at
//! once, then what the rest refers to.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::Filter;
use futures_util::future::join_all;
use peerscope_document::aws::{AwsDocuments, PrefixListEntry, SecurityGroup, VpcPeeringConnection};
use peerscope_document::id::{PrefixListId, Region, SecurityGroupId, VpcId};
use peerscope_document::{CollectedCall, CollectionGap};
use tokio::join;
use tokio::time::Instant;

use super::asking::Asking;
use super::document::{all, pages};
use super::failure::Failure;
use super::names::databases_within;
use super::scope::{Scope, beyond};
use super::session::Session;
use crate::call::Call;

/// The most that a page may hold, by the EC2 API reference of each call.
const PAGE: i32 = 1000;
const PAGE_OF_ROUTE_TABLES: i32 = 100;
const PAGE_OF_PREFIX_LISTS: i32 = 100;
const PAGE_OF_EGRESS_ONLY_GATEWAYS: i32 = 255;

/// How much of the time that is left the VPCs and peerings may take, and how much of what then is left all that is in
/// them: the rest is for what that refers to.
const VPCS_SHARE: f64 = 0.5;
const COMPONENTS_SHARE: f64 = 0.75;

/// What was read of a Region.
#[derive(Debug, Default)]
pub(super) struct RegionReading {
    /// The documents; `None` where none was read, or nothing that was asked for is there.
    pub(super) documents: Option<AwsDocuments>,
    /// The VPCs that were asked for and are there.
    pub(super) found: BTreeSet<VpcId>,
    /// The VPCs of other Regions that peerings lead to.
    pub(super) beyond: BTreeMap<Region, BTreeSet<VpcId>>,
    pub(super) calls: Vec<CollectedCall>,
    pub(super) gaps: Vec<CollectionGap>,
    /// Why the credentials are good for nothing here.
    pub(super) credentials_failed: Option<Failure>,
}

/// Calls that will be made at a time, with other such.
macro_rules! together {
    ($($asked:expr),+ $(,)?) => { async { join!($($asked),+) } };
}

/// Reads a Region: of `asked` and what peerings join to it, or all.
pub(super) async fn read(
    session: &Session,
    region: &Region,
    asked: BTreeSet<VpcId>,
    place: String,
    deadline: Instant,
) -> RegionReading {
    let reader = Reader::new(session, region, Asking::new(place, deadline));
    reader.asking.begin_part(VPCS_SHARE);
    let (vpcs, peerings) = join!(reader.vpcs(), reader.peerings());
    let live: &[VpcPeeringConnection] = peerings.as_deref().unwrap_or_default();
    let scope = Scope::of(&asked, live);
    let beyond = beyond(&scope, live, session.account.as_ref(), region);
    let listed = scope.vpcs(vpcs.as_deref());
    let is_elsewhere = vpcs.is_some() && listed.is_empty() && !asked.is_empty();
    let mut documents = AwsDocuments { vpc_peering_connections: peerings, ..AwsDocuments::default() };
    let mut left_out = Vec::new();
    if !is_elsewhere && reader.asking.credentials_failed().is_none() {
        reader.asking.begin_part(COMPONENTS_SHARE);
        let (components, names) = join!(reader.components(&scope, documents), reader.names(&scope, &listed));
        documents = with_names(components, names);
        databases_within(&scope, &mut documents);
        reader.asking.begin_part(1.0);
        reader.referred(&mut documents).await;
        if let Some(vpcs) = vpcs {
            let (read, rest): (Vec<_>, Vec<_>) = vpcs.into_iter().partition(|vpc| scope.holds(&vpc.vpc_id));
            left_out = rest.into_iter().map(|vpc| vpc.vpc_id).collect();
            documents.vpcs = Some(read);
        }
    }
    let credentials_failed = reader.asking.credentials_failed();
    let scope_gap = scope_gap(&reader.place, &left_out);
    let (calls, mut gaps) = reader.asking.told();
    gaps.extend(scope_gap);
    let is_nothing = documents == AwsDocuments::default();
    RegionReading {
        documents: (!is_nothing && !is_elsewhere).then_some(documents),
        found: listed.into_iter().filter(|vpc| asked.contains(vpc)).collect(),
        beyond,
        calls,
        gaps,
        credentials_failed,
    }
}

fn scope_gap(place: &str, left_out: &[VpcId]) -> Option<CollectionGap> {
    let named = match left_out {
        [] => return None,
        few if few.len() <= 5 => few.iter().map(VpcId::as_str).collect::<Vec<_>>().join(", "),
        many => format!("{} and {} more", many[0], many.len() - 1),
    };
    Some(CollectionGap {
        provider: "aws".to_string(),
        kind: "scope".to_string(),
        what: format!("the network {named} of {place}"),
        reason: "no peering joins it to what was asked for; --vpc names it too".to_string(),
        would_tell: "what is in it".to_string(),
    })
}

/// Asks the services of one Region.
pub(super) struct Reader {
    pub(super) ec2: aws_sdk_ec2::Client,
    pub(super) rds: aws_sdk_rds::Client,
    pub(super) elb: aws_sdk_elasticloadbalancingv2::Client,
    pub(super) asking: Asking,
    place: String,
}

impl Reader {
    fn new(session: &Session, region: &Region, asking: Asking) -> Self {
        let region = aws_config::Region::new(region.as_str().to_string());
        let (config, requests) = (&session.config, &asking.requests);
        let ec2 = aws_sdk_ec2::config::Builder::from(config).region(region.clone());
        let rds = aws_sdk_rds::config::Builder::from(config).region(region.clone());
        let elb = aws_sdk_elasticloadbalancingv2::config::Builder::from(config).region(region);
        Self {
            ec2: aws_sdk_ec2::Client::from_conf(ec2.interceptor(requests.clone()).build()),
            rds: aws_sdk_rds::Client::from_conf(rds.interceptor(requests.clone()).build()),
            elb: aws_sdk_elasticloadbalancingv2::Client::from_conf(elb.interceptor(requests.clone()).build()),
            place: asking.place().to_string(),
            asking,
        }
    }

    async fn vpcs(&self) -> Option<Vec<peerscope_document::aws::Vpc>> {
        let request = self.ec2.describe_vpcs().max_results(PAGE).into_paginator();
        self.asking.ask(Call::DescribeVpcs, pages!(request, vpcs)).await
    }

    async fn peerings(&self) -> Option<Vec<VpcPeeringConnection>> {
        let request = self.ec2.describe_vpc_peering_connections().max_results(PAGE).into_paginator();
        self.asking.ask(Call::DescribeVpcPeeringConnections, pages!(request, vpc_peering_connections)).await
    }

    /// Everything that is in, or attached to, the VPCs of a scope. What a filter lets through beside is sorted out.
    async fn components(&self, scope: &Scope, read: AwsDocuments) -> AwsDocuments {
        let (ec2, asking) = (&self.ec2, &self.asking);
        let in_vpc = || scope.filter("vpc-id");
        let attached = || scope.filter("attachment.vpc-id");
        let in_subnets = together!(
            asking.ask(
                Call::DescribeSubnets,
                pages!(
                    ec2.describe_subnets().set_filters(in_vpc()).max_results(PAGE).into_paginator(),
                    subnets
                )
            ),
            asking.ask(
                Call::DescribeRouteTables,
                pages!(
                    ec2.describe_route_tables()
                        .set_filters(in_vpc())
                        .max_results(PAGE_OF_ROUTE_TABLES)
                        .into_paginator(),
                    route_tables
                )
            ),
            asking.ask(
                Call::DescribeSecurityGroups,
                pages!(
                    ec2.describe_security_groups().set_filters(in_vpc()).max_results(PAGE).into_paginator(),
                    security_groups
                )
            ),
            asking.ask(
                Call::DescribeNetworkAcls,
                pages!(
                    ec2.describe_network_acls().set_filters(in_vpc()).max_results(PAGE).into_paginator(),
                    network_acls
                )
            ),
            asking.ask(
                Call::DescribeNetworkInterfaces,
                pages!(
                    ec2.describe_network_interfaces()
                        .set_filters(in_vpc())
                        .max_results(PAGE)
                        .into_paginator(),
                    network_interfaces
                )
            ),
            asking.ask(
                Call::DescribeInstances,
                pages!(
                    ec2.describe_instances().set_filters(in_vpc()).max_results(PAGE).into_paginator(),
                    reservations
                )
            ),
        );
        let gateways = together!(
            asking.ask(
                Call::DescribeManagedPrefixLists,
                pages!(
                    ec2.describe_managed_prefix_lists().max_results(PAGE_OF_PREFIX_LISTS).into_paginator(),
                    prefix_lists
                )
            ),
            asking.ask(
                Call::DescribeInternetGateways,
                pages!(
                    ec2.describe_internet_gateways()
                        .set_filters(attached())
                        .max_results(PAGE)
                        .into_paginator(),
                    internet_gateways
                )
            ),
            asking.ask(
                Call::DescribeEgressOnlyInternetGateways,
                pages!(
                    ec2.describe_egress_only_internet_gateways()
                        .max_results(PAGE_OF_EGRESS_ONLY_GATEWAYS)
                        .into_paginator(),
                    egress_only_internet_gateways
                )
            ),
            asking.ask(
                Call::DescribeNatGateways,
                pages!(
                    ec2.describe_nat_gateways().set_filter(in_vpc()).max_results(PAGE).into_paginator(),
                    nat_gateways
                )
            ),
            asking.ask(
                Call::DescribeVpcEndpoints,
                pages!(
                    ec2.describe_vpc_endpoints().set_filters(in_vpc()).max_results(PAGE).into_paginator(),
                    vpc_endpoints
                )
            ),
            // This one has no pages.
            asking.ask(Call::DescribeVpnGateways, async {
                let answer = ec2.describe_vpn_gateways().set_filters(attached()).send().await;
                Ok(all(answer.map_err(Failure::from)?.vpn_gateways)?)
            }),
        );
        let transit = together!(
            asking.ask(
                Call::DescribeTransitGateways,
                pages!(ec2.describe_transit_gateways().max_results(PAGE).into_paginator(), transit_gateways)
            ),
            asking.ask(
                Call::DescribeTransitGatewayAttachments,
                pages!(
                    ec2.describe_transit_gateway_attachments().max_results(PAGE).into_paginator(),
                    transit_gateway_attachments
                )
            ),
            asking.ask(
                Call::DescribeTransitGatewayVpcAttachments,
                pages!(
                    ec2.describe_transit_gateway_vpc_attachments()
                        .set_filters(in_vpc())
                        .max_results(PAGE)
                        .into_paginator(),
                    transit_gateway_vpc_attachments
                )
            ),
        );
        // All side by side: one that is slow holds up no other.
        let (in_subnets, gateways, transit) = join!(in_subnets, gateways, transit);
        let (subnets, route_tables, security_groups, network_acls, network_interfaces, reservations) =
            in_subnets;
        let (prefix_lists, internet_gateways, egress_only, nat_gateways, vpc_endpoints, vpn_gateways) =
            gateways;
        let (transit_gateways, attachments, vpc_attachments) = transit;
        let documents = AwsDocuments {
            subnets,
            route_tables,
            security_groups,
            network_acls,
            network_interfaces,
            reservations,
            prefix_lists,
            internet_gateways,
            egress_only_internet_gateways: egress_only,
            nat_gateways,
            vpc_endpoints,
            vpn_gateways,
            transit_gateways,
            transit_gateway_attachments: attachments,
            transit_gateway_vpc_attachments: vpc_attachments,
            ..read
        };
        within(scope, documents)
    }

    /// What rules, routes and interfaces refer to: the entries of prefix lists, and groups that another VPC shares.
    async fn referred(&self, documents: &mut AwsDocuments) {
        let lists = prefix_lists_in(documents);
        let groups = groups_elsewhere(documents);
        let (entries, groups) = join!(self.entries(lists), self.groups(groups));
        for list in documents.prefix_lists.iter_mut().flatten() {
            list.entries = entries.get(&list.prefix_list_id).cloned();
        }
        if let Some(known) = &mut documents.security_groups {
            known.extend(groups);
        }
    }

    async fn entries(&self, lists: BTreeSet<PrefixListId>) -> BTreeMap<PrefixListId, Vec<PrefixListEntry>> {
        let each = lists.into_iter().map(|id| async move {
            let request = self
                .ec2
                .get_managed_prefix_list_entries()
                .prefix_list_id(id.as_str())
                .max_results(PAGE_OF_PREFIX_LISTS)
                .into_paginator();
            let asked = pages!(request, entries);
            Some((id, self.asking.ask(Call::GetManagedPrefixListEntries, asked).await?))
        });
        join_all(each).await.into_iter().flatten().collect()
    }

    async fn groups(&self, ids: BTreeSet<SecurityGroupId>) -> Vec<SecurityGroup> {
        if ids.is_empty() {
            return Vec::new();
        }
        let values = ids.iter().map(SecurityGroupId::to_string).collect();
        let filter = Filter::builder().name("group-id").set_values(Some(values)).build();
        let request = self.ec2.describe_security_groups().filters(filter).max_results(PAGE).into_paginator();
        self.asking
            .ask(Call::DescribeSecurityGroups, pages!(request, security_groups))
            .await
            .unwrap_or_default()
    }
}

/// What lies in a scope, or in no VPC at all.
fn within(scope: &Scope, documents: AwsDocuments) -> AwsDocuments {
    fn keep<T>(list: Option<Vec<T>>, keeps: impl Fn(&T) -> bool) -> Option<Vec<T>> {
        list.map(|list| list.into_iter().filter(keeps).collect())
    }
    let any = |vpcs: &mut dyn Iterator<Item = Option<&VpcId>>| {
        let mut vpcs = vpcs.peekable();
        vpcs.peek().is_none() || vpcs.any(|vpc| scope.may_hold(vpc))
    };
    AwsDocuments {
        subnets: keep(documents.subnets, |subnet| scope.holds(&subnet.vpc_id)),
        route_tables: keep(documents.route_tables, |table| scope.holds(&table.vpc_id)),
        security_groups: keep(documents.security_groups, |group| scope.may_hold(group.vpc_id.as_ref())),
        network_acls: keep(documents.network_acls, |acl| scope.holds(&acl.vpc_id)),
        network_interfaces: keep(documents.network_interfaces, |one| scope.may_hold(one.vpc_id.as_ref())),
        internet_gateways: keep(documents.internet_gateways, |gateway| {
            any(&mut gateway.attachments.iter().map(|attachment| attachment.vpc_id.as_ref()))
        }),
        egress_only_internet_gateways: keep(documents.egress_only_internet_gateways, |gateway| {
            any(&mut gateway.attachments.iter().map(|attachment| attachment.vpc_id.as_ref()))
        }),
        nat_gateways: keep(documents.nat_gateways, |gateway| scope.may_hold(gateway.vpc_id.as_ref())),
        vpc_endpoints: keep(documents.vpc_endpoints, |endpoint| scope.may_hold(endpoint.vpc_id.as_ref())),
        vpn_gateways: keep(documents.vpn_gateways, |gateway| {
            any(&mut gateway.vpc_attachments.iter().map(|attachment| attachment.vpc_id.as_ref()))
        }),
        ..documents
    }
}

fn with_names(documents: AwsDocuments, names: AwsDocuments) -> AwsDocuments {
    AwsDocuments {
        vpc_attributes: names.vpc_attributes,
        db_instances: names.db_instances,
        db_clusters: names.db_clusters,
        load_balancers: names.load_balancers,
        listeners: names.listeners,
        target_groups: names.target_groups,
        target_group_health: names.target_group_health,
        ..documents
    }
}

fn prefix_lists_in(documents: &AwsDocuments) -> BTreeSet<PrefixListId> {
    let permissions = documents
        .security_groups
        .iter()
        .flatten()
        .flat_map(|group| group.ip_permissions.iter().chain(&group.ip_permissions_egress));
    let in_rules = permissions.flat_map(|one| &one.prefix_list_ids).map(|list| &list.prefix_list_id);
    let routes = documents.route_tables.iter().flatten().flat_map(|table| &table.routes);
    in_rules.chain(routes.filter_map(|route| route.destination_prefix_list_id.as_ref())).cloned().collect()
}

/// Groups of interfaces that are not among those of their VPCs (EC2, "security group VPC associations").
fn groups_elsewhere(documents: &AwsDocuments) -> BTreeSet<SecurityGroupId> {
    let Some(groups) = &documents.security_groups else { return BTreeSet::new() };
    let known: BTreeSet<&SecurityGroupId> = groups.iter().map(|group| &group.group_id).collect();
    let interfaces = documents.network_interfaces.iter().flatten();
    let used = interfaces.flat_map(|interface| &interface.groups).map(|group| &group.group_id);
    used.filter(|id| !known.contains(id)).cloned().collect()
}
