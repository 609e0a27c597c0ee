//! Quotes: a tenant's wish, one batch or a series, put to the scheduler, and the answer in the tenant's words.
//!
//! It answers from a picture of the facility, holds nothing and moves nothing. The tenant learns its own constraints and "no capacity
//! of this kind in this window" (SOD-14); the planner's reasons go to the log.

use mes_core::{
    booking::{Asked, BookingWindow, Offer, OfferKind, Series},
    engine::View,
    id::TenantId,
    isa88::RecipeBody,
    quantity::Bilingual,
};
use scheduler::{
    Answer, BatchSpec, CapacityKind, Committed, NamedPlacement, Problem, ProblemSpec, Request, Slot, StartGrid,
    TenantReason, quote_for_tenant,
};

use crate::intake::{SLOT_MIN, Translation, batch_spec, held, named_plan, problem, slots, window};

/// Offers start on a grid of so many minutes, so that the exact end of a neighbour does not show.
const START_GRID_MIN: i64 = 60;

/// Why a quote could not be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoOffer {
    /// What the tenant may know.
    pub tenant: Bilingual,
    /// What the planner sees.
    pub planner: Vec<String>,
}

/// What a tenant asks for.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    /// Who asks.
    pub tenant: &'a TenantId,
    /// The recipe to be run.
    pub recipe: &'a RecipeBody,
    /// What is asked for.
    pub asked: &'a Asked,
}

/// The picture that a quote is answered from.
struct Desk<'a> {
    time: Translation,
    spec: ProblemSpec,
    asked: BatchSpec,
    recipe: &'a RecipeBody,
}

/// A place for one batch.
struct Place {
    named: NamedPlacement,
    start: Slot,
    window: BookingWindow,
}

/// Asks the scheduler for places of a batch, or of the batches of a series, beside everything that is held.
///
/// # Errors
/// Why there is none.
pub fn offers(view: &View, wish: &Wish<'_>) -> Result<Vec<Offer>, NoOffer> {
    let desk = desk(view, wish)?;
    let (first, latest) = (wish.asked.earliest.max(view.now), wish.asked.latest);
    let dates = (desk.time.ceil(first), None, desk.time.floor(latest));
    let kinds = desk.places(&desk.spec, "asked-1", dates)?;
    let mut offers: Vec<Offer> = Vec::new();
    let mut refused = None;
    for (kind, place) in kinds {
        let windows = match wish.asked.series {
            None => Ok(vec![place.window]),
            Some(series) => desk.series(place, series),
        };
        match windows {
            Ok(windows) if offers.iter().all(|known| known.windows != windows) => offers.push(Offer { kind, windows }),
            Ok(_) => {}
            Err(no) => refused = Some(no),
        }
    }
    match refused {
        Some(no) if offers.is_empty() => Err(no),
        _ => Ok(offers),
    }
}

fn desk<'a>(view: &View, wish: &Wish<'a>) -> Result<Desk<'a>, NoOffer> {
    let header = &wish.recipe.header;
    let Some(agreement) = view.facility.agreement_for(wish.tenant, &header.product) else {
        return Err(refusal(
            "この製品の取決めがありません。品質保証に連絡してください。",
            "There is no quality agreement for this product. Contact quality assurance.",
        ));
    };
    let earliest = wish.asked.earliest.max(view.now);
    if wish.asked.latest <= earliest {
        return Err(refusal(
            "完了期限が開始より前、または過去です。期限を後ろにしてください。",
            "The latest end lies before the start, or in the past. Choose a later one.",
        ));
    }
    let time = Translation::of(view);
    let spec = problem(view, &time, held(view, &time));
    let asked = batch_spec("asked", wish.recipe, agreement, &view.facility);
    if asked.routes.is_empty() {
        return Err(refusal(
            "取決めのスイートに、このレシピに必要な設備がありません。設備管理担当者に連絡してください。",
            "No suite of your agreement has the equipment that this recipe needs. Contact the facility.",
        ));
    }
    Ok(Desk { time, spec, asked, recipe: wish.recipe })
}

fn broken(error: impl ToString) -> NoOffer {
    NoOffer {
        tenant: Bilingual::new(
            "見積りを計算できませんでした。設備管理担当者に連絡してください。",
            "The quote could not be calculated. Contact the facility.",
        ),
        planner: vec![error.to_string()],
    }
}

impl Desk<'_> {
    /// Places for one more batch: released, started at the latest, ended at the latest.
    fn places(
        &self,
        spec: &ProblemSpec,
        id: &str,
        (release, start_max, deadline): (Slot, Option<Slot>, Slot),
    ) -> Result<Vec<(OfferKind, Place)>, NoOffer> {
        let problem = Problem::new(spec).map_err(broken)?;
        let plan = named_plan(spec).resolve(&problem).map_err(broken)?;
        let committed = Committed::new(problem, plan).map_err(broken)?;
        let due = deadline.min(spec.horizon);
        let id = id.to_owned();
        let batch = BatchSpec { id, release, start_max, due, deadline: Some(due), ..self.asked.clone() };
        let request = Request::new(committed.problem(), &batch).map_err(broken)?;
        let grid = StartGrid::new(slots(START_GRID_MIN), vec![0]).ok_or_else(|| broken("no grid"))?;
        let place = |offer: &scheduler::Offer| {
            let window = window(&self.time, self.recipe, &batch, &offer.named)?;
            Some(Place { named: offer.named.clone(), start: offer.start, window })
        };
        match quote_for_tenant(&committed, &request, &grid).1 {
            Answer::Offers(offers) => {
                let all = [
                    (OfferKind::Earliest, Some(&offers.earliest)),
                    (OfferKind::Latest, offers.latest.as_ref()),
                    (OfferKind::Cheapest, Some(&offers.cheapest)),
                ];
                Ok(all.into_iter().filter_map(|(kind, offer)| Some((kind, place(offer?)?))).collect())
            }
            Answer::Refused(refused) => Err(NoOffer {
                tenant: tenant_words(&refused.for_tenant()),
                planner: refused.describe(committed.problem()),
            }),
        }
    }

    /// The batches of a series after a place for its first: each at its cadence, within the tolerance, beside those before it.
    fn series(&self, first: Place, series: Series) -> Result<Vec<BookingWindow>, NoOffer> {
        let (cadence, tolerance) = (i64::from(series.cadence_d) * 24 * 60, i64::from(series.tolerance_h) * 60);
        let begin = first.start;
        let mut spec = self.spec.clone();
        let mut windows = vec![first.window];
        self.commit(&mut spec, "asked-1", first.named);
        for k in 2..=series.batches {
            let at = begin + slots(cadence) * i64::from(k - 1);
            let dates = (at - slots(tolerance), Some(at + slots(tolerance)), spec.horizon);
            let id = format!("asked-{k}");
            let place = self.places(&spec, &id, dates).map_err(|no| NoOffer {
                tenant: Bilingual::new(
                    format!("{}バッチ目({}ごろ開始): {}", k, self.time.at(at).shown(), no.tenant.ja),
                    format!("Batch {k} of the series (start near {}): {}", self.time.at(at).shown(), no.tenant.en),
                ),
                planner: no.planner,
            })?;
            let Some((_, place)) = place.into_iter().min_by_key(|(_, place)| (place.start - at).abs()) else {
                return Err(broken("no place"));
            };
            windows.push(place.window);
            self.commit(&mut spec, &id, place.named);
        }
        Ok(windows)
    }

    /// Puts a batch that was just placed among those that are held.
    fn commit(&self, spec: &mut ProblemSpec, id: &str, named: NamedPlacement) {
        let fixed = scheduler::CommitmentSpec {
            route: named.route.unwrap_or_default(),
            starts: named.starts.into_iter().map(Some).collect(),
            suites: named.suites.into_iter().map(Some).collect(),
            equipment: named.equipment.into_iter().map(Some).collect(),
        };
        let due = spec.horizon;
        spec.batches.push(BatchSpec { id: id.to_owned(), due, commitment: Some(fixed), ..self.asked.clone() });
    }
}

fn refusal(ja: &str, en: &str) -> NoOffer {
    NoOffer { tenant: Bilingual::new(ja, en), planner: vec![en.to_owned()] }
}

fn tenant_words(reasons: &[TenantReason]) -> Bilingual {
    // Needed is rounded up; what the dates leave begins at the next slot, so up to one slot of what was asked for is not lost.
    let needed_h = |slots: Slot| (slots * SLOT_MIN + 59).div_euclid(60);
    let hours = |slots: Slot| ((slots + 1) * SLOT_MIN).div_euclid(60);
    let sentences: Vec<(String, String)> = reasons
        .iter()
        .map(|reason| match reason {
            TenantReason::TooLittleTime { needed, available } => (
                format!(
                    "工程に約{}時間必要ですが、ご希望の期間は{}時間です。期間を延ばしてください。",
                    needed_h(*needed),
                    hours(*available)
                ),
                format!(
                    "The procedure needs about {} h, your dates leave {} h. Widen the dates.",
                    needed_h(*needed),
                    hours(*available)
                ),
            ),
            TenantReason::NoAllowedStart => (
                "ご希望の期間に開始できる時刻がありません。".to_owned(),
                "No start that may be offered lies within your dates.".to_owned(),
            ),
            TenantReason::NoSuitableSuite => (
                "取決めのスイートに、必要な清浄度のものがありません。".to_owned(),
                "None of the suites in your agreement has the grade this recipe needs.".to_owned(),
            ),
            TenantReason::QuotaReached { max_suites } => (
                format!("取決めのスイート数（{max_suites}）を使い切っています。"),
                format!("You already hold as many suites as agreed ({max_suites})."),
            ),
            TenantReason::NoCapacity { kind, .. } => {
                let (ja, en) = match kind {
                    CapacityKind::Suite => ("スイート", "suite"),
                    CapacityKind::People => ("人員", "staff"),
                    CapacityKind::Equipment => ("設備", "equipment"),
                };
                (
                    format!("この期間にこの種類の製造枠は空きなしです（{ja}）。期間を変えてください。"),
                    format!("No capacity of this kind in this window ({en}). Try other dates."),
                )
            }
        })
        .collect();
    let join = |part: fn(&(String, String)) -> &str| sentences.iter().map(part).collect::<Vec<_>>().join(" ");
    Bilingual::new(join(|s| &s.0), join(|s| &s.1))
}
