"""What comes out, as JSON; the OpenAPI document is made of these types and the requests'."""

from typing import Any

from pydantic import BaseModel, Field


class Reason(BaseModel):
    """An item of the basket, and by how much it moved the score."""

    item: str | int
    title: str
    effect: float


class Recommended(BaseModel):
    """A recommended item; `because` where reasons were asked for, strongest first."""

    item: str | int
    title: str
    score: float
    because: list[Reason] | None = None


class Recommendations(BaseModel):
    """The list for one basket, best first; shorter than k where fewer items remain."""

    items: list[Recommended]
    unknown: list[str | int] = Field(description="Items of the basket that the model never saw.")
    fallback: bool = Field(description="No item was known: these are the most popular items.")


class Answer(BaseModel):
    """Which model answered."""

    model: str
    version: str = Field(description="Changes whenever the model's folder does.")


class RecommendAnswer(Answer):
    """A list for each basket, in the order given."""

    results: list[Recommendations]


class AlsoBought(BaseModel):
    """An item bought together with another; `support` baskets held both."""

    item: str | int
    title: str
    score: float
    support: int


class Company(BaseModel):
    """What customers who bought `item` also bought."""

    item: str | int
    title: str
    items: list[AlsoBought]


class AlsoBoughtAnswer(Answer):
    """A list for each known item, in the order given."""

    results: list[Company]
    unknown: list[str | int]


class Item(BaseModel):
    """A product; `count` customers bought it. Category and price where attributes were given."""

    item: str | int
    title: str
    count: int
    category: str | None = None
    price: float | None = None
    in_stock: bool | None = None


class ItemsAnswer(Answer):
    """The products found, those bought most first, and how many there are in all."""

    items: list[Item]
    total: int


class ExplainAnswer(Answer):
    """Why an item has its score."""

    item: str | int
    title: str
    score: float
    exact: bool = Field(description="The effects add up to the score; else by leaving one out.")
    reasons: list[Reason]
    unknown: list[str | int]


class Code(BaseModel):
    """The code of a basket: `values` at the places `indices`, zero elsewhere."""

    length: int
    indices: list[int]
    values: list[float]
    unknown: list[str | int]


class EncodeAnswer(Answer):
    """A code for each basket, in the order given."""

    codes: list[Code]


class ModelAnswer(Answer):
    """What is known of the model itself."""

    models: list[str] = Field(description="The names that `model` can have.")
    type: str
    parameters: dict[str, Any]
    n_items: int
    purchases: int
    has_steps: bool
    has_map: bool
    map_is_coming: bool = Field(description="Whether the map is still being computed.")
    attributes: list[str] = Field(description="The columns that rules can use.")
    categories: list[str]
    metrics: dict[str, Any] = Field(description="As measured when it was fitted.")
    card: str = Field(description="The model card, Markdown.")
    likewise: str


class Point(BaseModel):
    """An item on the map: what is bought alike lies close together; x and y are in -1 … 1."""

    id: str | int
    title: str
    x: float
    y: float
    count: int
    category: str | None = None


class MapAnswer(Answer):
    """The map of the items, those bought most first."""

    points: list[Point]


class Cell(BaseModel):
    """An item's place in the row: what went in, what came out, the difference."""

    item: str | int
    title: str
    x: float
    x_hat: float
    error: float


class Change(BaseModel):
    """A weight, and by how much the basket's error changes it."""

    layer: str
    item: str | int
    title: str
    unit: int
    weight: float
    change: float


class StepsAnswer(Answer):
    """The seven steps of training with the numbers of one basket."""

    n_items: int
    n_latent: int
    activation: str
    loss_name: str
    cells: list[Cell]
    code: list[float]
    loss: float
    loss_after: float
    learning_rate: float
    changes: list[Change]
    losses: list[float] = Field(description="The mean error of each epoch.")
    unknown: list[str | int]
    stands_in_for: str | None = Field(
        description="The type that recommends, where a small classic autoencoder is shown instead."
    )


class ReadyAnswer(BaseModel):
    """Whether each model can answer, and whether a newer one was refused."""

    ready: bool
    models: dict[str, str] = Field(description='Name to "ok", or what is wrong.')
    attributes: str | None = Field(None, description="What is wrong with a newer table of them.")


class Fault(BaseModel):
    """What was wrong with a request."""

    code: str
    message: str
    request_id: str


class Refusal(BaseModel):
    """The body of every answer that is no success."""

    error: Fault
