//! Calculated items: when they are recorded, and how they follow a correction of what they were calculated from.
//!
//! The expression itself is evaluated by whoever made the [`Context`]; here it is only known which parameters it names.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::{
    access::Rejection,
    batch::{
        Batch, BatchEvent, Context, ItemValue, Source, Verdict,
        decide::Outcome,
        decide_item::{judge, parameter_of, quantity, violated},
    },
    id::{ItemId, PhaseId},
    isa88::{Parameter, Phase, PhaseKind},
    quantity::round,
};

/// Values that this decision has made, which the batch does not hold yet: by phase and item, with their version.
type Fresh = BTreeMap<(PhaseId, ItemId), (Decimal, u32)>;

/// A Calculate phase records its items when it starts; a Yield phase with nothing to record by hand does so too.
pub(super) fn calculate_on_start(
    batch: &Batch,
    phase: &Phase,
    ctx: &Context<'_>,
    out: &mut Outcome<'_>,
) -> Result<(), Rejection> {
    match &phase.kind {
        PhaseKind::Calculate { items } => calculate(batch, phase, items, Fresh::new(), ctx, out),
        PhaseKind::Yield { items, calculate: wanted } if items.is_empty() => {
            calculate(batch, phase, wanted, Fresh::new(), ctx, out)
        }
        _ => Ok(()),
    }
}

/// A Yield phase records its calculated items with the last item that is recorded by hand.
pub(super) fn calculate_when_complete(
    batch: &Batch,
    phase: &Phase,
    ctx: &Context<'_>,
    out: &mut Outcome<'_>,
) -> Result<(), Rejection> {
    let PhaseKind::Yield { items, calculate: wanted } = &phase.kind else { return Ok(()) };
    let mut fresh = Fresh::new();
    for event in &out.events {
        if let BatchEvent::ItemRecorded { item, value: ItemValue::Quantity(quantity), .. } = event {
            fresh.insert((phase.id.clone(), item.clone()), (quantity.value, 1));
        }
    }
    let there = |item: &ItemId| {
        fresh.contains_key(&(phase.id.clone(), item.clone()))
            || batch.phases.get(&phase.id).is_some_and(|run| run.items.contains_key(item))
    };
    if items.iter().all(|item| there(&item.parameter)) {
        calculate(batch, phase, wanted, fresh, ctx, out)
    } else {
        Ok(())
    }
}

fn calculate(
    batch: &Batch,
    phase: &Phase,
    wanted: &[ItemId],
    mut fresh: Fresh,
    ctx: &Context<'_>,
    out: &mut Outcome<'_>,
) -> Result<(), Rejection> {
    for item in wanted {
        let parameter = parameter_of(batch, item)?;
        let (value, source) = evaluate(batch, phase, parameter, &fresh, ctx)?;
        let verdict = judge(parameter, value);
        out.push(BatchEvent::ItemRecorded {
            phase: phase.id.clone(),
            item: item.clone(),
            value: quantity(parameter, value),
            source,
            verdict,
            performer: None,
            text: None,
        });
        fresh.insert((phase.id.clone(), item.clone()), (value, 1));
        if verdict == Verdict::OutOfAcceptable {
            violated(parameter, value, &phase.id, None, out)?;
        }
    }
    Ok(())
}

/// Records again, as corrections, all calculated items that a corrected item went into, near and far.
pub(super) fn recalculate(
    batch: &Batch,
    (phase, item, value, version): (&PhaseId, &ItemId, Decimal, u32),
    reason: &str,
    ctx: &Context<'_>,
    out: &mut Outcome<'_>,
) -> Result<(), Rejection> {
    let mut fresh = Fresh::from([((phase.clone(), item.clone()), (value, version))]);
    for phase in batch.issued.recipe.phases() {
        let (PhaseKind::Calculate { items } | PhaseKind::Yield { calculate: items, .. }) = &phase.kind else {
            continue;
        };
        for item in items {
            let Some(known) = batch.phases.get(&phase.id).and_then(|run| run.items.get(item)) else { continue };
            let parameter = parameter_of(batch, item)?;
            let (value, source) = evaluate(batch, phase, parameter, &fresh, ctx)?;
            let new = quantity(parameter, value);
            if source == known.source {
                continue;
            }
            let version = known.version.saturating_add(1);
            let verdict = judge(parameter, value);
            fresh.insert((phase.id.clone(), item.clone()), (value, version));
            let changed = new != known.value;
            out.push(BatchEvent::ItemCorrected {
                phase: phase.id.clone(),
                item: item.clone(),
                version,
                old: known.value.clone(),
                value: new,
                source,
                verdict,
                text: Some(reason.to_owned()),
            });
            if verdict == Verdict::OutOfAcceptable && changed {
                violated(parameter, value, &phase.id, Some(reason.to_owned()), out)?;
            }
        }
    }
    Ok(())
}

fn evaluate(
    batch: &Batch,
    phase: &Phase,
    parameter: &Parameter,
    fresh: &Fresh,
    ctx: &Context<'_>,
) -> Result<(Decimal, Source), Rejection> {
    let fail = |why: &str| {
        Rejection::new(
            "DI-05",
            format!("{} を計算できません: {why} 入力値を確認してください。", parameter.name.ja),
            format!("{} cannot be calculated: {why} Check the values it is calculated from.", parameter.name.en),
        )
        .about(parameter.id.as_str())
    };
    let expression = parameter.expression.as_deref().ok_or_else(|| fail("no expression."))?;
    let mut values = BTreeMap::new();
    let mut inputs = BTreeMap::new();
    for item in named(batch, expression) {
        let (value, version) =
            input(batch, phase, &item, fresh).ok_or_else(|| fail(&format!("{item} is not recorded.")))?;
        inputs.insert(item.clone(), format!("{value} ({version})"));
        values.insert(item, value);
    }
    let value = (ctx.calculate)(expression, &values).map_err(|why| fail(&why))?;
    Ok((round(value, parameter.decimals), Source::Calculated { expression: expression.to_owned(), inputs }))
}

/// The parameters an expression names: identifiers outside of text literals, not behind a point.
fn named(batch: &Batch, expression: &str) -> Vec<ItemId> {
    let mut found = Vec::new();
    let mut word = String::new();
    let (mut quote, mut before, mut behind_point) = (None, ' ', false);
    for c in expression.chars().chain(std::iter::once(' ')) {
        if let Some(open) = quote {
            quote = (c != open || before == '\\').then_some(open);
        } else if c == '_' || c.is_ascii_alphanumeric() {
            if word.is_empty() {
                behind_point = before == '.';
            }
            word.push(c);
        } else {
            let ids = std::mem::take(&mut word).parse::<ItemId>().ok();
            let known = ids.filter(|id| !behind_point && batch.issued.recipe.parameter(id).is_some());
            found.extend(known.filter(|id| !found.contains(id)));
            quote = matches!(c, '"' | '\'').then_some(c);
        }
        before = c;
    }
    found
}

/// The value of an input: fresh from this decision, else recorded in this phase, else in the last phase before it that has it,
/// else the parameter's target when no phase records it.
fn input(batch: &Batch, phase: &Phase, item: &ItemId, fresh: &Fresh) -> Option<(Decimal, String)> {
    let order: Vec<&PhaseId> = batch.issued.recipe.phases().map(|p| &p.id).collect();
    let upto = order.iter().position(|id| **id == phase.id).map_or(order.len(), |at| at + 1);
    let at = |id: &PhaseId| match fresh.get(&(id.clone(), item.clone())) {
        Some((value, version)) => Some((*value, format!("v{version}"))),
        None => {
            let known = batch.phases.get(id)?.items.get(item)?;
            let ItemValue::Quantity(quantity) = &known.value else { return None };
            Some((quantity.value, format!("v{}", known.version)))
        }
    };
    let recorded = order.into_iter().take(upto).rev().find_map(at);
    recorded.or_else(|| {
        let parameter = batch.issued.recipe.parameter(item)?;
        let fixed = parameter.expression.is_none() && !is_recorded_somewhere(batch, item);
        parameter.target.filter(|_| fixed).map(|target| (target, "target".to_owned()))
    })
}

fn is_recorded_somewhere(batch: &Batch, item: &ItemId) -> bool {
    batch.issued.recipe.phases().any(|phase| match &phase.kind {
        PhaseKind::Record { items } | PhaseKind::Yield { items, .. } => items.iter().any(|i| i.parameter == *item),
        _ => false,
    })
}
