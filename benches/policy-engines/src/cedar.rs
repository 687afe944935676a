//! Cedar: one policy for ten ranges, so that the first that matches ends the search in its own.

use std::error::Error;

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
use serde_json::{Value, json};

use crate::{ISSUED, Question, USERS, range, revoked_before};

/// Ranges per policy: faster than one chain over all of them.
const PER_POLICY: usize = 10;

pub(crate) fn prepare(
    ranges: usize,
    questions: &[Question],
) -> Result<impl FnMut(usize) -> bool, Box<dyn Error>> {
    let ranges: Vec<String> = (0..ranges)
        .map(|number| format!("context.ip.isInRange(ip(\"{}\"))", range(number)))
        .collect();
    let policies: String = ranges
        .chunks(PER_POLICY)
        .map(|ranges| {
            format!(
                "permit(principal, action, resource) when {{ context.issued > \
                 principal.revokedBefore && ({}) }};\n",
                ranges.join(" || ")
            )
        })
        .collect();
    let policies: PolicySet = policies.parse()?;
    let users: Vec<Value> = (0..USERS)
        .map(|user| {
            json!({"uid": {"type": "User", "id": format!("{user}")}, "parents": [],
                   "attrs": {"revokedBefore": revoked_before(user)}})
        })
        .collect();
    let entities = Entities::from_json_value(Value::from(users), None)?;
    let requests = questions
        .iter()
        .map(|question| {
            let context = json!({"issued": ISSUED,
                "ip": {"__extn": {"fn": "ip", "arg": question.address.to_string()}}});
            let user: EntityUid = format!("User::\"{}\"", question.user).parse()?;
            Ok(Request::new(
                user,
                "Action::\"read\"".parse()?,
                "Resource::\"orders\"".parse()?,
                Context::from_json_value(context, None)?,
                None,
            )?)
        })
        .collect::<Result<Vec<Request>, Box<dyn Error>>>()?;
    let authorizer = Authorizer::new();
    Ok(move |index: usize| {
        let response = authorizer.is_authorized(&requests[index], &policies, &entities);
        response.decision() == Decision::Allow
    })
}
