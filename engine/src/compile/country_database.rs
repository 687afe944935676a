//! Country databases in MaxMind DB format: every network with its country.
//!
//! The database is read once, into the table that plain lists fill too, so that a decision never
//! meets the format.

use ipnet::IpNet;
use maxminddb::{PathElement, Reader, WithinOptions};

use super::country_list;
use crate::model::CountryTable;

/// The most networks read from one database: the largest that are published have a tenth of it.
/// A damaged search tree can stand for more networks than there are addresses.
const MAXIMUM_NETWORKS: usize = 16_000_000;

/// Adds the networks of a database to a table; the error says what is wrong with the file.
///
/// The country is the record's `country`. Where only a `registered_country` is known, that says
/// where the owner sits and not where the address is used, so the network has none.
pub(super) fn add(bytes: &[u8], table: &mut CountryTable) -> Result<(), String> {
    let reader = Reader::from_source(bytes).map_err(|error| error.to_string())?;
    let networks = reader
        .networks(WithinOptions::default())
        .map_err(|error| error.to_string())?;
    let path = [PathElement::Key("country"), PathElement::Key("iso_code")];
    for (count, network) in networks.enumerate() {
        if count == MAXIMUM_NETWORKS {
            return Err(format!("more than {MAXIMUM_NETWORKS} networks"));
        }
        let network = network.map_err(|error| error.to_string())?;
        let country: Option<&str> = network
            .decode_path(&path)
            .map_err(|error| error.to_string())?;
        let Some(country) = country else {
            continue;
        };
        let country =
            country_list::code(country).ok_or_else(|| format!("`{country}` is no country code"))?;
        let net = network.network().map_err(|error| error.to_string())?;
        let net = IpNet::new(net.network(), net.prefix()).map_err(|error| error.to_string())?;
        table.prefixes.push((net, country));
    }
    Ok(())
}
