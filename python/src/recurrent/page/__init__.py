"""The live page, ``recurrent demo --web``: a network learns before one's eyes, and one moves the sliders.

``desk`` owns the run and answers what the page asks for; ``learners`` do the learning, ``insight`` looks inside;
``server`` is the way to a browser, ``widget`` the way to a notebook. Both show the same ``page.js``.
"""
