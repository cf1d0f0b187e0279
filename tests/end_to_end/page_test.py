#!/usr/bin/env python3
"""The web page of `sirocco serve` as people use it, in a browser.

usage: page_test.py PROGRAM SOURCE_FOLDER
"""

from browser import chromium  # first: it begins again in the browser's environment

import os
import unittest

from page_case import OfThePage, start_server
from page_chat import Chat
from page_files import Files
from page_images import Gallery, Images
from page_modules import Modules
from page_pictures import Pictures
from page_sounds import Sounds
from page_use import ApiKey, Use
from program import MODEL

ENCODER = os.environ["SIROCCO_TEST_ENCODER"]

if __name__ == "__main__":
    OfThePage.server = start_server("-m", MODEL, "-m", ENCODER)
    try:
        with chromium() as OfThePage.browser:
            unittest.main()
    finally:
        OfThePage.server.close()
