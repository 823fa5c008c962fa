import { Alert } from '@mui/material';
import { Component, type ReactNode } from 'react';

/** Properties of {@link PartBoundary}. */
export interface PartBoundaryProps {
  /** What it is, as the first words of a sentence. */
  what: string;
  children: ReactNode;
}

/** Keeps the rest of a page where one part of it fails, such as a part that could not be fetched. */
export class PartBoundary extends Component<PartBoundaryProps, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return <Alert severity="warning">{this.props.what} could not be loaded. Reload the page.</Alert>;
  }
}
