"""How mistakes are planted in product code: functions that patch it through pytest's `MonkeyPatch`.

Most plants are for one plan only, so that the other stays right. They change a function, a row of the algebra, a
spelling of a dialect, or SQL that was generated; nothing they change is left changed when the patch is undone.
"""
