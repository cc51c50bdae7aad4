// What every page has: shortcuts, live numbers, confirmations. Each part does nothing where the page has no use for it.
import { startConfirm } from "./confirm.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";

startConfirm();
startKeys();
startLive();
