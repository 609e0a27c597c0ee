//! A move beyond what a booking's agreement allows: the facility proposes it, its slot is held, and only the tenant's own yes lets a
//! plan make it (SCH-10).
//!
//! It moves nothing itself. A yes makes the proposed slot the promised one; the next plan then has to have the booking there.

use serde::{Deserialize, Serialize};

use crate::{
    access::{Rejection, Signature},
    booking::{
        AdoptedPlan, Booking, BookingContext, BookingEvent, BookingSignature, BookingState, BookingStep, BookingWindow,
        adopt,
        decide::Events,
        judge::{agreed, fits, in_time},
        steps::signed,
    },
    clock::Timestamp,
    id::{BookingId, PersonId, PlanId},
    quantity::Bilingual,
    tenant::Agreement,
};

/// How long a proposed move waits for its tenant, in days of facility time; never beyond its own start.
pub const MOVE_VALID_D: i64 = 3;

/// A tenant to be asked for a move that a plan needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Which booking; where to is in the plan.
    pub booking: BookingId,
    /// Why, in terms of the tenant's own: it names nobody else.
    pub reason: Bilingual,
}

/// What became of a proposed move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveAnswer {
    /// The tenant consents, with a signature.
    Accepted(Signature),
    /// The tenant says no.
    Refused {
        /// Who.
        by: PersonId,
        /// Why.
        text: Option<String>,
    },
    /// Nobody answered by this time.
    Lapsed(Timestamp),
    /// This plan was adopted, which needs the move no more.
    Withdrawn(PlanId),
}

/// A move that waits, or waited, for the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedMove {
    /// Where to.
    pub window: BookingWindow,
    /// Why.
    pub reason: Bilingual,
    /// Until when the tenant may answer, and the slot is held.
    pub until: Timestamp,
    /// Who proposed it.
    pub by: PersonId,
    /// What became of it; nothing yet without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<MoveAnswer>,
}

impl Booking {
    /// Where it is to be by agreement: what was confirmed, or accepted since.
    pub fn agreed(&self) -> &BookingWindow {
        self.promised.as_ref().unwrap_or(&self.window)
    }

    /// Whether a window lies beyond what its agreement lets a plan do without asking: too far from what was agreed, or in another
    /// suite.
    pub fn is_beyond(&self, window: &BookingWindow, agreement: &Agreement) -> bool {
        let agreed = self.agreed();
        let most_ms = i64::from(agreement.tolerance_h) * 3_600_000;
        window.suite != agreed.suite || window.from.since_ms(agreed.from).abs() > most_ms
    }

    /// The move that its tenant may answer now.
    pub fn open_move(&self, now: Timestamp) -> Option<&ProposedMove> {
        self.unanswered().filter(|it| now < it.until)
    }

    /// The move whose time is over without an answer.
    pub fn lapsed_move(&self, now: Timestamp) -> Option<&ProposedMove> {
        self.unanswered().filter(|it| it.until <= now)
    }

    fn unanswered(&self) -> Option<&ProposedMove> {
        self.proposed.as_ref().filter(|it| it.answer.is_none() && self.state == BookingState::Confirmed)
    }

    /// The slot that it holds beside its own window: proposed and not answered yet, or accepted and not moved to yet.
    pub fn held_beside(&self, now: Timestamp) -> Option<&BookingWindow> {
        self.accepted_move().or_else(|| self.open_move(now)).map(|it| &it.window)
    }

    /// A move that its tenant accepted and no plan has made yet.
    pub fn accepted_move(&self) -> Option<&ProposedMove> {
        let accepted = |it: &&ProposedMove| matches!(it.answer, Some(MoveAnswer::Accepted(_)));
        self.proposed.as_ref().filter(|_| self.state == BookingState::Confirmed).filter(accepted)
    }
}

fn no(ja: impl Into<String>, en: impl Into<String>) -> Rejection {
    Rejection::new("SCH-10", ja, en).about("move")
}

/// Decides that tenants are asked for the moves beyond their agreements that a plan needs. The plan is judged as if they had said
/// yes; it is not adopted.
///
/// # Errors
/// The rule that says no.
pub fn propose_moves(adopted: &AdoptedPlan, asks: &[Ask], ctx: &BookingContext<'_>) -> Result<Events, Rejection> {
    let by = ctx.who.actor.person().ok_or_else(Rejection::not_found)?;
    adopt::judged(adopted, Some(asks), ctx)?;
    let event = |ask: &Ask| {
        let booking = ctx.bookings.get(&ask.booking).ok_or_else(Rejection::not_found)?;
        let moved = adopted.moves.iter().find(|item| item.booking == ask.booking).ok_or_else(Rejection::not_found)?;
        if booking.state != BookingState::Confirmed || booking.held_beside(ctx.now).is_some() {
            return Err(no(
                format!("予約 {} は確定していないか、既に枠の変更を提案中です。", ask.booking),
                format!("Booking {} is not confirmed, or a move of it is proposed already.", ask.booking),
            ));
        }
        if ask.reason.ja.trim().is_empty() || ask.reason.en.trim().is_empty() {
            return Err(no(
                "理由を日本語と英語で記入してください。入居者に表示されます。",
                "Write the reason in both languages; the tenant reads it.",
            ));
        }
        let until = ctx.now.plus_s(MOVE_VALID_D * 86_400).min(moved.window.from);
        if until <= ctx.now {
            return Err(no(
                format!("予約 {} の変更案は開始時刻を過ぎています。計画を作り直してください。", ask.booking),
                format!("The proposed start of booking {} has passed. Have the plan made again.", ask.booking),
            ));
        }
        let event = BookingEvent::MoveProposed {
            booking: ask.booking.clone(),
            old: booking.window.clone(),
            window: moved.window.clone(),
            reason: ask.reason.clone(),
            until,
            by: by.clone(),
        };
        Ok((ask.booking.clone(), event))
    };
    asks.iter().map(event).collect()
}

/// The booking that is answered for, with its open proposal.
fn asked<'a>(ctx: &BookingContext<'a>) -> Result<(&'a Booking, &'a ProposedMove), Rejection> {
    let booking = ctx.bookings.get(ctx.booking).ok_or_else(Rejection::not_found)?;
    let open = booking.open_move(ctx.now).ok_or_else(|| {
        no(
            "回答できる枠変更案がありません。期限切れか、回答済みです。画面を更新してください。",
            "There is no proposed move to answer: its time is over, or it was answered. Look at the booking again.",
        )
    })?;
    Ok((booking, open))
}

pub(super) fn accept(sign: &BookingSignature, ctx: &BookingContext<'_>) -> Result<Events, Rejection> {
    let (booking, open) = asked(ctx)?;
    let (_, master, agreement) = agreed(&booking.recipe, booking.version, ctx)?;
    in_time(&open.window, ctx).and_then(|()| fits(&open.window, master, agreement, ctx)).map_err(|_| {
        no(
            "提案された枠は使えなくなりました。施設から新しい案を受けてください。",
            "The proposed slot cannot be had any more. Wait for another proposal of the facility.",
        )
    })?;
    let signature = signed(BookingStep::Consent, &[(ctx.booking, booking)], None, sign, ctx)?;
    let booking = ctx.booking.clone();
    Ok(vec![(booking.clone(), BookingEvent::MoveAccepted { booking, signature })])
}

pub(super) fn refuse(text: &str, ctx: &BookingContext<'_>) -> Result<Events, Rejection> {
    asked(ctx)?;
    let by = ctx.who.actor.person().ok_or_else(Rejection::not_found)?.clone();
    if text.trim().is_empty() {
        return Err(
            Rejection::new("A11-14", "断る理由を記入してください。", "Write why you refuse the move.").about("text")
        );
    }
    let booking = ctx.booking.clone();
    let text = Some(text.trim().to_owned());
    Ok(vec![(booking.clone(), BookingEvent::MoveRefused { booking, by, text })])
}
