import { Box, Typography } from '@mui/material';
import { reasonWords } from '../model/reasons';

/** Properties of {@link ResultText}. */
export interface ResultTextProps {
  /** The reason code, or the reason of a condition of the application's own. */
  reason: string;
  /** The server's sentence. It may quote names that a target chose, and is shown as text only. */
  detail: string;
  /** Whether the target was seen in this condition. */
  observed: boolean;
  /** Also say what a person would do about it. */
  advice?: boolean;
}

/** Why a check failed, in words, with what to do about it. */
export function ResultText({ reason, detail, observed, advice }: ResultTextProps) {
  const words = reasonWords(reason);
  const seen = observed || words.unknown === true ? null : 'no answer from target';
  return (
    <Box sx={{ minWidth: 0, overflowWrap: 'anywhere' }}>
      <Typography variant="body2" component="span" sx={{ fontWeight: 600 }}>
        {words.title}
      </Typography>
      {seen !== null && (
        <Typography variant="body2" component="span" color="text.secondary">
          {' '}
          ({seen})
        </Typography>
      )}
      {detail !== '' && (
        <Typography variant="body2" component="span">
          : {detail}
        </Typography>
      )}
      {advice === true && words.advice !== '' && (
        <Typography variant="body2" color="text.secondary">
          {words.advice}
        </Typography>
      )}
    </Box>
  );
}
