//! Risky users and workload identities.
//!
//! `riskLevel` alone does not say whether there is a risk: `riskState` says whether somebody has
//! dealt with it.

use highwater::event::{Dimension, Effect, RiskLevel, Subject};
use highwater::identifier::Identifier;
use serde_json::{Map, Value};

use super::GraphNotice;
use super::objects::{Reader, instant};

impl Reader<'_> {
    pub(super) fn risk(
        &mut self,
        dimension: Dimension,
        id: &Identifier,
        object: &Map<String, Value>,
    ) -> Result<(), String> {
        let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
        let level = match (text("riskState"), text("riskLevel")) {
            ("confirmedCompromised", _) => RiskLevel::High,
            ("none" | "confirmedSafe" | "remediated" | "dismissed", _) | (_, "none") => {
                RiskLevel::None
            }
            (_, "low") => RiskLevel::Low,
            (_, "medium") => RiskLevel::Medium,
            (_, "high") => RiskLevel::High,
            (_, "hidden") => {
                self.facts
                    .notices
                    .push(GraphNotice::HiddenRisk { id: id.clone() });
                return Ok(());
            }
            (state, level) => {
                return Err(format!(
                    "`riskState` `{state}` with `riskLevel` `{level}` is not known"
                ));
            }
        };
        let stated = instant(object, "riskLastUpdatedDateTime")?;
        let time = match stated {
            Some(at) => self.clamped(id, at),
            None => self.state.tick(self.now),
        };
        let known = self.known(id);
        let unchanged = match known.risk {
            Some((before, at)) => at >= time || (before == level && stated.is_none()),
            // Nobody has ever said that there is a risk.
            None => level == RiskLevel::None,
        };
        if unchanged {
            return Ok(());
        }
        known.risk = Some((level, time));
        let subject = Subject::of(dimension, id.clone());
        self.emit(time, &subject, Effect::Risk(level), "riskLevel");
        if level == RiskLevel::High && self.config.high_risk_revokes {
            self.cut_off(id, &subject, time, "riskLevel high");
        }
        Ok(())
    }
}
