//! Calls of a method of the device: typed arguments in, the device's own code out.
//!
//! A call is sent once and never again, whatever becomes of it.

use mes_core::historian::SampleValue;
use opcua::{
    client::Session,
    types::{CallMethodRequest, CallMethodResult, NodeId, StatusCode, Variant},
};
use tokio::time::timeout;

use super::{REQUEST_MAX, point::Argument, value::value_of};
use crate::driver::{LinkError, WriteFault};

/// A method on one server.
#[derive(Debug, Clone)]
pub(super) struct Method {
    pub(super) object: NodeId,
    pub(super) method: NodeId,
    pub(super) arguments: Vec<Argument>,
}

impl Method {
    /// Calls it with `value` in the place of the argument that is not fixed; gives its first output, where it has one.
    pub(super) async fn call(&self, session: &Session, value: &SampleValue) -> Result<Option<SampleValue>, WriteFault> {
        let request = CallMethodRequest {
            object_id: self.object.clone(),
            method_id: self.method.clone(),
            input_arguments: Some(self.inputs(value)?),
        };
        match timeout(REQUEST_MAX, session.call_one(request)).await {
            Err(_) => Err(WriteFault::Lost(LinkError::lost("call", "no answer in time"))),
            Ok(Err(error)) => Err(WriteFault::Lost(LinkError::lost("call", error))),
            Ok(Ok(result)) if result.status_code.is_good() => {
                Ok(result.output_arguments.unwrap_or_default().first().and_then(|output| value_of(output).ok()))
            }
            Ok(Ok(result)) => Err(refusal(&result)),
        }
    }

    fn inputs(&self, value: &SampleValue) -> Result<Vec<Variant>, WriteFault> {
        let fixed = |argument: &Argument| argument.value.as_ref().map(SampleValue::from);
        self.arguments
            .iter()
            .map(|argument| argument.scalar.variant(&fixed(argument).unwrap_or_else(|| value.clone())))
            .collect::<Result<_, _>>()
            .map_err(|reason| WriteFault::Unsendable { reason })
    }
}

/// The device's code, with the argument that it did not like.
fn refusal(result: &CallMethodResult) -> WriteFault {
    match judge(result.status_code) {
        WriteFault::Refused { code } => {
            let bad = (1..).zip(result.input_argument_results.iter().flatten()).find(|(_, status)| status.is_bad());
            let code = match bad {
                Some((place, status)) => format!("{code} (argument {place}: {})", status.sub_code()),
                None => code,
            };
            WriteFault::Refused { code }
        }
        other => other,
    }
}

/// What a bad answer to a write or a call means.
pub(super) fn judge(status: StatusCode) -> WriteFault {
    let code = status.sub_code().to_string();
    match code.as_str() {
        // The server does not know whether the device behind it got it.
        "BadCommunicationError" | "BadTimeout" | "BadNoCommunication" | "BadRequestInterrupted" => {
            WriteFault::Unclear { reason: format!("the device does not know whether it took effect: {code}") }
        }
        _ => WriteFault::Refused { code },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::{point::Fixed, value::Scalar};

    #[test]
    fn fixed_arguments_keep_their_place_and_type_and_the_written_value_takes_the_open_one() {
        let argument = |scalar, value| Argument { scalar, value };
        let method = Method {
            object: NodeId::new(1, 1u32),
            method: NodeId::new(1, 2u32),
            arguments: vec![
                argument(Scalar::Text, Some(Fixed::Text("feed".to_owned()))),
                argument(Scalar::Float, None),
                argument(Scalar::Boolean, Some(Fixed::Flag(false))),
            ],
        };
        let inputs = method.inputs(&SampleValue::Integer(0)).unwrap();
        assert_eq!(inputs, [Variant::from("feed"), Variant::Float(0.0), Variant::Boolean(false)]);
        let misfit = method.inputs(&SampleValue::Text("much".to_owned())).unwrap_err();
        assert!(matches!(misfit, WriteFault::Unsendable { reason } if reason.contains("Float")));
    }

    #[test]
    fn a_refused_argument_is_named() {
        let result = CallMethodResult {
            status_code: StatusCode::BadInvalidArgument,
            input_argument_results: Some(vec![StatusCode::Good, StatusCode::BadOutOfRange]),
            ..CallMethodResult::default()
        };
        let code = "BadInvalidArgument (argument 2: BadOutOfRange)".to_owned();
        assert_eq!(refusal(&result), WriteFault::Refused { code });
    }
}
