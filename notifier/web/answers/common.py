"""What answers have in common: moments, and cursors of pages."""

from typing import Annotated

from pydantic import Field

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Cursor = Annotated[str | None, Field(description="Ask for the next page with it; null on the last one")]
