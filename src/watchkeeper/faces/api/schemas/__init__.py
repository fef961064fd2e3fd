"""What the API says of itself: the values in its answers, what each route means, and the OpenAPI document made of both.

Nothing here is loaded by a request but that for the document. Answers are rendered by the routes; tests hold them against this.
"""
