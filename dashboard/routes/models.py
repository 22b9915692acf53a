"""S4's endpoints: how the models do, which one to take, feedback, experiments."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, QueryParameter

from dashboard.bodies.models import (
    ExperimentsBody,
    FeedbackBody,
    FeedbackTaken,
    ModelAnalyticsBody,
    RecommendationBody,
    RouteBody,
)
from dashboard.errors import BadRequest
from dashboard.filters import Days, TaskType, UserType, last
from dashboard.history.experiments import experiments_body
from dashboard.history.models import GroupBy, analytics, choices, recommended
from dashboard.parts import Parts
from dashboard.routes.reading import AnyRequest, stored_answer
from events import codec
from events.feedback import FeedbackRecorded
from events.refusals import Refused
from events.sdk.ids import uuid7
from metrics.intelligence.models import WINDOW_DAYS
from metrics.intelligence.recommendation import Priority, task_type_of
from metrics.intelligence.routing import route
from sinks.reading.calls import calls, variants
from sinks.reading.chosen import Chosen

SOURCE = "imageledger.dashboard"
MESSAGE_CHARACTERS = 4_000


@get(
    "/api/analytics/models", tags=["models"], responses={200: ResponseSpec(ModelAnalyticsBody, generate_examples=False)}
)
async def model_analytics(
    parts: NamedDependency[Parts],
    request: AnyRequest,
    chosen: NamedDependency[Chosen],
    days: Days = WINDOW_DAYS,
    task_type: TaskType = None,
    user_type: UserType = None,
    group_by: FromQuery[GroupBy | None] = None,
) -> Response[bytes]:
    """How each model, task and provider did, day by day, with insights and the best model of each task (S4)."""
    about = last(chosen._replace(task_type=task_type, user_type=user_type), days, datetime.now(UTC))
    counted = await parts.store().ask(lambda history: calls(history, about))
    return stored_answer(request, analytics(counted, about, days, group_by))


@get(
    "/api/analytics/models/recommend",
    tags=["models"],
    responses={200: ResponseSpec(RecommendationBody, generate_examples=False)},
)
async def recommend_model(
    parts: NamedDependency[Parts],
    request: AnyRequest,
    chosen: NamedDependency[Chosen],
    task_type: TaskType = None,
    priority: FromQuery[Priority | None] = None,
    days: Days = WINDOW_DAYS,
    user_type: UserType = None,
    message_content: Annotated[
        str, QueryParameter(description="Without task_type: tells it by its words.", max_length=MESSAGE_CHARACTERS)
    ] = "",
    has_code_content: Annotated[bool, QueryParameter(description="Without task_type: it is `coding`.")] = False,
    user_preference: Annotated[Priority | None, QueryParameter(description="The priority where none is given.")] = None,
) -> Response[bytes]:
    """The model to take for a task, why, how sure that is, and what else there is (S4, getModelRecommendation).

    `priority`: speed, quality, cost (fewest tokens) or balanced. Below 5 calls of every model a rule answers and says
    so: `basis` is `rules`. `user_type`: by the calls of these users, where there are enough; else `userType` is null.
    """
    task = task_type or task_type_of(message_content, has_code=has_code_content)
    about = last(chosen._replace(task_type=task), days, datetime.now(UTC))
    counted = await parts.store().ask(lambda history: calls(history, about))
    return stored_answer(
        request, recommended(counted, task, priority or user_preference or "balanced", days, user_type)
    )


@get("/api/analytics/models/route", tags=["models"], responses={200: ResponseSpec(RouteBody, generate_examples=False)})
async def route_model(
    parts: NamedDependency[Parts],
    request: AnyRequest,
    chosen: NamedDependency[Chosen],
    usual: Annotated[str, QueryParameter(description="The model where nothing better is surely known.")],
    task_type: FromQuery[str],
    allow: Annotated[
        list[str] | None, QueryParameter(description="Only these models; all where none is given.")
    ] = None,
    priority: FromQuery[Priority] = "balanced",
    days: Days = WINDOW_DAYS,
) -> Response[bytes]:
    """The model that a processor should ask next: the best by history, behind guard rails (S4, Auto-routing).

    Another model than `usual` only where its score is sure enough (60 of 100), it is no worse in success, confidence
    and satisfaction, and a call costs at most twice as much.
    """
    about = last(chosen._replace(task_type=task_type), days, datetime.now(UTC))
    counted = await parts.store().ask(lambda history: calls(history, about))
    found = route(priority, choices(counted, "task_type")[task_type], usual, allow)
    body = RouteBody(
        task_type=task_type, priority=priority, model=found.model, provider=found.provider, reason=found.reason
    )
    return stored_answer(request, body)


@post("/api/analytics/models/feedback", tags=["models"], status_code=200)
async def take_feedback(parts: NamedDependency[Parts], request: Request[Any, Any, Any]) -> FeedbackTaken:
    """Thumbs up (1) or down (-1) for a conversation, message, image or component; 0 takes it back (S4).

    Body: `{"conversationId": …, "rating": 1, "userId"?, "comment"?, "runId"?}`. Answered after Kafka has it; 503 where
    it does not confirm. The newest rating of a conversation counts, whether or not its result has arrived.
    """
    try:
        said = msgspec.json.decode(await request.body(), type=FeedbackBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f'the body is not {{"conversationId": …, "rating": 1 or -1}}: {error}') from error
    subjects = ("conversation_id", "message_id", "image_id", "component_id")
    if sum(getattr(said, name) is not None for name in subjects) != 1:
        raise BadRequest("name one of conversationId, messageId, imageId and componentId")
    event = FeedbackRecorded(
        event_id=uuid7(), event_time=datetime.now(UTC), source=SOURCE, **msgspec.structs.asdict(said)
    )
    try:
        codec.decode("feedback", codec.encode(event))
    except Refused as refused:
        raise BadRequest(f"{refused.reason}: {refused.detail}") from refused
    await parts.ingest.publish("feedback", event)
    return FeedbackTaken(success=True, event_id=event.event_id, rating=said.rating)


@get(
    "/api/analytics/experiments",
    tags=["models"],
    responses={200: ResponseSpec(ExperimentsBody, generate_examples=False)},
)
async def list_experiments(
    parts: NamedDependency[Parts],
    request: AnyRequest,
    chosen: NamedDependency[Chosen],
    days: Days = WINDOW_DAYS,
    task_type: TaskType = None,
    user_type: UserType = None,
) -> Response[bytes]:
    """The variants of each task against its control: verdicts that hold however often one looks (decision 0019)."""
    about = last(chosen._replace(task_type=task_type, user_type=user_type), days, datetime.now(UTC))
    found = await parts.store().ask(lambda history: variants(history, about))
    return stored_answer(request, experiments_body(found, days))
