"""What a request may hold, as JSON; OpenAPI is made of these types and the answers'."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    model_validator,
)

MAX_BASKETS = 256
MAX_BASKET = 1_000
MAX_K = 1_000
MAX_LISTED = 10_000
MAX_EXPLAINED = 100
MAX_ANSWERED = 10_000
"""Recommendations of one request, of all baskets together."""

AN_ID = "an id"
"""What a fault of an id is known by, whichever of its two kinds it is not."""

Id = (
    Annotated[StrictStr, Field(max_length=256), Tag(AN_ID)]
    | Annotated[StrictInt, Field(ge=-(2**63), lt=2**63), Tag(AN_ID)]
)
Basket = Annotated[list[Id], Field(max_length=MAX_BASKET)]
Many = Annotated[list[Basket], Field(min_length=1, max_length=MAX_BASKETS)]
K = Annotated[StrictInt, Field(ge=1, le=MAX_K)]
Name = Annotated[str, Field(max_length=64)]
Category = Annotated[str, Field(max_length=1_000)]
Listed = Annotated[list[Id], Field(max_length=MAX_LISTED)]


class Given(BaseModel):
    """A request's body: unknown keys are refused, so that no misspelling is passed over."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    model: Name | None = Field(None, description="Which model; the first one if left out.")


class Rules(BaseModel):
    """What may be recommended in this request; all of the rules given hold at once."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    exclude: Listed = Field([], description="Never these items.")
    include: Listed | None = Field(None, description="Only these items.")
    categories: list[Category] | None = Field(None, max_length=1_000, description="Only of these.")
    min_price: StrictFloat | None = None
    max_price: StrictFloat | None = None
    in_stock: Literal[True] | None = Field(None, description="Only what is in stock.")
    at_most_per_category: Annotated[StrictInt, Field(ge=1, le=MAX_K)] | None = None
    boost: dict[
        Annotated[str, Field(max_length=256)], Annotated[StrictFloat, Field(gt=0, le=1_000)]
    ] = Field(
        {},
        max_length=MAX_LISTED,
        description="Item to factor: above 1 it rises in the list, below 1 it sinks.",
    )

    @model_validator(mode="after")
    def _some_price(self) -> Self:
        low, high = self.min_price, self.max_price
        if low is not None and high is not None and low > high:
            raise ValueError(f"min_price={low:g} is above max_price={high:g}")
        return self


class BasketsGiven(Given):
    """One basket, or several."""

    basket: Basket | None = Field(None, description="What one customer has.")
    baskets: Many | None = Field(None, description="What each of several customers has.")

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.basket is None) == (self.baskets is None):
            raise ValueError("give basket or baskets, one of the two")
        return self

    def each(self) -> list[list[Any]]:
        """Return the baskets, one or many, as a list of baskets."""
        return [self.basket] if self.basket is not None else list(self.baskets or [])


class RecommendGiven(BasketsGiven):
    """Whom to recommend to, how much, and by which rules."""

    k: K = 10
    filter_seen: StrictBool = Field(True, description="Leave out what is in the basket.")
    because: Annotated[StrictInt, Field(ge=0, le=10)] = Field(
        0, description="How many items of the basket to name as reasons for each recommendation."
    )
    rules: Rules | None = None

    @model_validator(mode="after")
    def _short_answer(self) -> Self:
        n = len(self.each())
        if n * self.k > MAX_ANSWERED:
            raise ValueError(
                f"{n} baskets of k={self.k} are {n * self.k} recommendations; ask for at most "
                f"{MAX_ANSWERED} at a time"
            )
        return self

    @model_validator(mode="after")
    def _few_reasons(self) -> Self:
        if self.because and self.baskets is not None and len(self.baskets) > 1:
            raise ValueError("because explains one basket; give it as basket")
        if self.because and self.k > MAX_EXPLAINED:
            raise ValueError(f"because explains at most {MAX_EXPLAINED} items; ask for k <= that")
        if self.because and max(map(len, self.each())) > MAX_EXPLAINED:
            raise ValueError(f"because explains baskets of at most {MAX_EXPLAINED} items")
        return self


class AlsoBoughtGiven(Given):
    """Items to find the company of."""

    items: Annotated[list[Id], Field(min_length=1, max_length=MAX_BASKETS)]
    k: K = 10


class ExplainGiven(Given):
    """A basket, and the item whose score is to be explained."""

    basket: Annotated[list[Id], Field(max_length=MAX_EXPLAINED)]
    item: Id


class StepsGiven(Given):
    """A basket to walk through the seven steps."""

    basket: Annotated[list[Id], Field(min_length=1, max_length=MAX_EXPLAINED)]
