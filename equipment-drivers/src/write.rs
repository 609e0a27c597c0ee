//! One write: check, read before, write once, read back until it agrees or the time is up.
//!
//! A write is never repeated. What cannot be known is reported as unknown; finding out is a person's or a recipe's part.

use std::time::{Duration, Instant};

use mes_core::{
    clock::Clock,
    engine::{WriteOutcome, WriteRequest, WriteResult},
    historian::SampleValue,
    quantity::Quantity,
};

use crate::{
    driver::{Connection, LinkError, WriteFault},
    template::{Access, CommandRegister, TagTemplate, Template},
};

/// Interval of reading back.
pub(crate) const READ_BACK_EVERY: Duration = Duration::from_millis(200);
/// Relative difference that the conversion to a register or single may leave behind.
const SINGLE_EPSILON: f64 = 1.2e-7;

/// A write that the device has accepted and that is being read back.
#[derive(Debug)]
pub(crate) struct Pending {
    request: WriteRequest,
    tag: usize,
    before: Option<SampleValue>,
    read_back: Option<SampleValue>,
    deadline: Instant,
}

/// What became of a step of a write.
pub(crate) enum Step {
    /// It is decided.
    Done(WriteOutcome),
    /// Read back again later.
    Pending(Pending),
    /// It is decided, and the connection is gone.
    Broken(WriteOutcome, LinkError),
}

/// Why a request may not be sent to the device, whatever its state.
pub(crate) fn objection(template: &Template, request: &WriteRequest) -> Option<String> {
    let Some(tag) = template.tag(&request.tag.name) else {
        return Some(format!("device template \"{}\" has no tag \"{}\"", template.name, request.tag.name));
    };
    if !tag.is_writable() {
        return Some(format!("{} can only be read", request.tag));
    }
    if let SampleValue::Integer(number) = &request.value
        && !tag.values.is_empty()
        && tag.named(*number).is_none()
    {
        return Some(format!("{number} is not one of the values of {}", request.tag));
    }
    out_of_range(tag, request)
}

fn out_of_range(tag: &TagTemplate, request: &WriteRequest) -> Option<String> {
    let number = request.value.to_f64();
    if number.is_some_and(|number| !number.is_finite()) {
        return Some(format!("{} is not a number", request.value));
    }
    let ([low, high], number) = (tag.range?, number);
    match number {
        None => Some(format!("{} takes a number, not \"{}\"", request.tag, request.value)),
        Some(number) if (low..=high).contains(&number) => None,
        Some(_) => {
            let unit = tag.unit.shown();
            let range = match (low.is_finite(), high.is_finite()) {
                (true, true) => format!("{low} to {high}"),
                (true, false) => format!("from {low}"),
                (false, _) => format!("up to {high}"),
            };
            Some(format!("{} {unit} lies outside the range {range} {unit} of {}", request.value, request.tag))
        }
    }
}

/// An outcome without contact to the device.
pub(crate) fn not_sent(request: WriteRequest, reason: String, clock: &Clock) -> WriteOutcome {
    finish(request, WriteResult::NotSent { reason }, None, None, clock)
}

/// Checks, reads before, writes, and reads back a first time.
pub(crate) async fn begin(
    connection: &mut Connection,
    template: &Template,
    request: WriteRequest,
    clock: &Clock,
) -> Step {
    if let Some(reason) = objection(template, &request) {
        return Step::Done(not_sent(request, reason, clock));
    }
    let Some(tag) = template.position(&request.tag.name) else {
        return Step::Done(not_sent(request, "no such tag".to_owned(), clock));
    };
    if template.tags.get(tag).is_some_and(|one| one.access == Access::Call) {
        return call(connection, tag, request, clock).await;
    }
    let before = match prepare(connection, template, tag, &request).await {
        Ok(before) => before,
        Err(Hindrance::Forbidden { reason, before }) => {
            return Step::Done(finish(request, WriteResult::NotSent { reason }, before, None, clock));
        }
        Err(Hindrance::Lost(lost)) => {
            let reason = format!("the link was lost before the write was sent: {lost}");
            return Step::Broken(not_sent(request, reason, clock), lost);
        }
    };
    match connection.write(tag, &request.value).await {
        Ok(()) => {
            let wait = Duration::from_secs(u64::from(request.readback_max_s));
            let deadline = Clock::wall().checked_add(wait).unwrap_or_else(Clock::wall);
            look(connection, template, Pending { request, tag, before, read_back: None, deadline }, clock).await
        }
        Err(fault) => failed(fault, request, before, clock),
    }
}

/// A call of a method: its own answer confirms it, and its first output stands for what is read back.
async fn call(connection: &mut Connection, tag: usize, request: WriteRequest, clock: &Clock) -> Step {
    match connection.call(tag, &request.value).await {
        Ok(output) => Step::Done(finish(request, WriteResult::Confirmed, None, output, clock)),
        Err(fault) => failed(fault, request, None, clock),
    }
}

fn failed(fault: WriteFault, request: WriteRequest, before: Option<SampleValue>, clock: &Clock) -> Step {
    match fault {
        WriteFault::Refused { code } => Step::Done(finish(request, WriteResult::Refused { code }, before, None, clock)),
        WriteFault::Unsendable { reason } => {
            Step::Done(finish(request, WriteResult::NotSent { reason }, before, None, clock))
        }
        WriteFault::Unclear { reason } => {
            Step::Done(finish(request, WriteResult::Unknown { reason }, before, None, clock))
        }
        WriteFault::Lost(lost) => {
            let reason = format!("the link was lost while the write was under way: {lost}");
            Step::Broken(finish(request, WriteResult::Unknown { reason }, before, None, clock), lost)
        }
    }
}

/// Why a write is not sent.
enum Hindrance {
    /// The device is not in a state in which it may be written.
    Forbidden {
        reason: String,
        before: Option<SampleValue>,
    },
    Lost(LinkError),
}

/// Asks the device whether it may be written now, and what it reads before.
async fn prepare(
    connection: &mut Connection,
    template: &Template,
    tag: usize,
    request: &WriteRequest,
) -> Result<Option<SampleValue>, Hindrance> {
    let Some(own) = template.tags.get(tag) else { return Ok(None) };
    let forbidden = |reason, before| Err(Hindrance::Forbidden { reason, before });
    for condition in &own.write_when {
        let Some(asked) = template.position(&condition.tag) else { continue };
        let reading = connection.read_one(asked).await.map_err(Hindrance::Lost)?;
        let shown = condition.shown();
        match reading.value.filter(|_| reading.quality.is_good()) {
            None => {
                return forbidden(
                    format!("{} is written only while {shown}, and that cannot be read now", request.tag),
                    None,
                );
            }
            Some(value) if !condition.holds(&value) => {
                return forbidden(format!("{} is written only while {shown}, and it is {value}", request.tag), None);
            }
            Some(_) => {}
        }
    }
    let reading = connection.read_one(tag).await.map_err(Hindrance::Lost)?;
    let before = reading.value.filter(|_| reading.quality.is_good());
    match &own.command {
        Some(command) if before != Some(SampleValue::Integer(command.executed)) => {
            forbidden("the device is not ready for a command: the last one is not executed".to_owned(), before)
        }
        _ => Ok(before),
    }
}

/// Reads back once.
pub(crate) async fn look(
    connection: &mut Connection,
    template: &Template,
    mut pending: Pending,
    clock: &Clock,
) -> Step {
    let command = template.tags.get(pending.tag).and_then(|tag| tag.command.as_ref());
    match connection.read_one(pending.tag).await {
        Ok(reading) => {
            if reading.quality.is_good() {
                pending.read_back = reading.value;
            }
            let Pending { request, tag: _, before, read_back, deadline } = &pending;
            let agrees = read_back.as_ref().is_some_and(|seen| match command {
                Some(command) => *seen == SampleValue::Integer(command.executed),
                None => agree(seen, request),
            });
            if !agrees && Clock::wall() < *deadline {
                return Step::Pending(pending);
            }
            let result = match (agrees, command) {
                (false, _) => WriteResult::NotConfirmed,
                (true, None) => WriteResult::Confirmed,
                (true, Some(command)) => match result_of(connection, template, command).await {
                    Ok(result) => result,
                    Err(lost) => return Step::Broken(broken(pending, &lost.to_string(), clock), lost),
                },
            };
            Step::Done(finish(request.clone(), result, before.clone(), read_back.clone(), clock))
        }
        Err(lost) => {
            let outcome = broken(pending, &lost.to_string(), clock);
            Step::Broken(outcome, lost)
        }
    }
}

/// What the device says has become of an executed command.
async fn result_of(
    connection: &mut Connection,
    template: &Template,
    command: &CommandRegister,
) -> Result<WriteResult, LinkError> {
    let unknown = || WriteResult::Unknown { reason: "the result of the command cannot be read".to_owned() };
    let Some(result) = &command.result else { return Ok(WriteResult::Confirmed) };
    let Some(tag) = template.position(result) else { return Ok(unknown()) };
    let reading = connection.read_one(tag).await?;
    Ok(match reading.value.filter(|_| reading.quality.is_good()) {
        Some(SampleValue::Integer(result)) if result == command.ok => WriteResult::Confirmed,
        Some(SampleValue::Integer(result)) => {
            let name = template.tags.get(tag).and_then(|tag| tag.named(result)).map(|named| named.en.clone());
            WriteResult::Refused { code: name.unwrap_or_else(|| result.to_string()) }
        }
        _ => unknown(),
    })
}

/// The link went away while a write was being read back.
pub(crate) fn broken(pending: Pending, cause: &str, clock: &Clock) -> WriteOutcome {
    let reason = format!("the device accepted the write, but the link was lost before it could be read back: {cause}");
    finish(pending.request, WriteResult::Unknown { reason }, pending.before, pending.read_back, clock)
}

fn finish(
    request: WriteRequest,
    result: WriteResult,
    before: Option<SampleValue>,
    read_back: Option<SampleValue>,
    clock: &Clock,
) -> WriteOutcome {
    WriteOutcome { effect: request.effect, tag: request.tag, result, before, read_back, at: clock.now() }
}

fn agree(seen: &SampleValue, request: &WriteRequest) -> bool {
    match (seen, &request.value) {
        (SampleValue::Text(seen), SampleValue::Text(wanted)) => seen == wanted,
        (SampleValue::Text(_), _) | (_, SampleValue::Text(_)) => false,
        (seen, wanted) => match (seen.to_f64(), wanted.to_f64()) {
            (Some(seen), Some(wanted)) => {
                let tolerance = Quantity::new(request.tolerance, "1").to_f64().max(0.0);
                (seen - wanted).abs() <= tolerance + wanted.abs() * SINGLE_EPSILON
            }
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Templates;

    fn request(tag: &str, value: SampleValue) -> WriteRequest {
        WriteRequest {
            effect: "facility#1".parse().unwrap(),
            tag: tag.parse().unwrap(),
            value,
            tolerance: "0.05".parse().unwrap(),
            readback_max_s: 1,
        }
    }

    #[test]
    fn a_value_outside_the_range_is_refused_by_us_with_a_sentence() {
        let template = Templates::built_in().unwrap().get("co2-incubator").unwrap();
        let case = |tag, value| objection(&template, &request(tag, value));
        assert_eq!(
            case("I/temperature_setpoint", SampleValue::Real(99.0)).unwrap(),
            "99 °C lies outside the range 5 to 60 °C of I/temperature_setpoint"
        );
        assert!(case("I/temperature_setpoint", SampleValue::Real(f64::NAN)).unwrap().contains("not a number"));
        assert!(
            case("I/temperature_setpoint", SampleValue::Text("warm".to_owned())).unwrap().contains("takes a number")
        );
        assert!(case("I/temperature", SampleValue::Real(37.0)).unwrap().contains("only be read"));
        assert!(case("I/warmth", SampleValue::Real(37.0)).unwrap().contains("no tag"));
        assert_eq!(case("I/co2_setpoint", SampleValue::Real(0.0)), None);
        assert_eq!(case("I/co2_setpoint", SampleValue::Integer(20)), None);
    }

    #[test]
    fn read_back_agrees_within_the_tolerance_only() {
        let wanted = request("I/temperature_setpoint", SampleValue::Real(37.0));
        assert!(agree(&SampleValue::Real(37.05), &wanted));
        assert!(!agree(&SampleValue::Real(37.06), &wanted));
        assert!(!agree(&SampleValue::Text("37".to_owned()), &wanted));
        let off = request("I/temperature_setpoint", SampleValue::Flag(false));
        assert!(agree(&SampleValue::Flag(false), &off));
        assert!(!agree(&SampleValue::Flag(true), &off));
    }
}
